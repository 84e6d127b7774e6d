// RUN: spcc-opt %s -p 'attach-target{target=tct set="shuffle=on"},tct-shuffle-filters' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=tct},tct-shuffle-filters' | filecheck %s --check-prefix=OFF

// Filter 2 has two weights, filter 0 one, filter 1 none; the pool between keeps the order, the
// last convolution takes it up, the network's result is as it was.
// CHECK-DAG:  sparse_tensor.weight "w.shuffled"
// CHECK-DAG:  sparse_tensor.weight "b.shuffled"
// CHECK:      sparse_tensor.conv2d %x, %{{.*}} bias {{.*}} {channels = array<i64: 2, 0, 1>,
// CHECK:      sparse_tensor.pool %{{.*}} {channels = array<i64: 2, 0, 1>,
// CHECK:      sparse_tensor.weight "v.shuffled"
// CHECK-NOT:  channels =
// OFF-NOT:    shuffled
builtin.module attributes {spcc.weights = "tct_shuffle_filters.json"} {
  func.func @main(%x: tensor<1x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<3x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %b = sparse_tensor.weight "b" : tensor<3xi32>
    %u = sparse_tensor.conv2d %x, %w bias %b : tensor<3xi32> {nodes = ["u"], tensor = "u", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<3x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> -> tensor<1x3x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %p = sparse_tensor.pool %u {nodes = ["p"], tensor = "p", op_type = "MaxPool", placement = "native", kind = "max", include_pad = false, kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x3x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> -> tensor<1x3x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %v = sparse_tensor.weight "v" : tensor<1x3x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %y = sparse_tensor.conv2d %p, %v {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x3x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x3x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> -> tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %y : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

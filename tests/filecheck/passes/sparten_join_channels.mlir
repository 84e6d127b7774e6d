// RUN: spcc-opt %s -p 'attach-target{target=sparten set="cus=2"},sparten-join-channels' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=sparten set="cus=2"},sparten-join-channels,tile,sparten-balance-filters' | filecheck %s --check-prefix=BALANCED
// RUN: spcc-opt %s -p 'attach-target{target=sparten set="cus=1;gb=none"},sparten-join-channels' | filecheck %s --check-prefix=ALONE

// Sets of four filters: six channels of a scale share two groups of three; the model's own
// convolution is left.
// CHECK-DAG:  sparse_tensor.weight "s.joined" : tensor<6x3x1x1xi16,
// CHECK-DAG:  sparse_tensor.weight "d" : tensor<6x1x1x1xi16,
// CHECK:      sparse_tensor.conv2d {{.*}} {nominal_macs = 24 : i64, {{.*}} groups = 2 : i64}
// CHECK:      sparse_tensor.conv2d {{.*}} groups = 6 : i64}

// BALANCED: sparten_listing = ["group 0 set 0: filters 0 1 2", "  chunk 0: CU 0: 0; CU 1: 1 2", "group 1 set 0: filters 3 4 5", "  chunk 0: CU 0: 3; CU 1: 4 5"]

// ALONE-NOT: joined
builtin.module attributes {spcc.weights = "sparten_join_channels.json"} {
  func.func @main(%x: tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["z"]} {
    %s = sparse_tensor.weight "s" : tensor<6x1x1x1xi16, #sparse_tensor.encoding<sparsemap, [128], frac = 0, bits = 16>>
    %d = sparse_tensor.weight "d" : tensor<6x1x1x1xi16, #sparse_tensor.encoding<sparsemap, [128], frac = 0, bits = 16>>
    %y = sparse_tensor.conv2d %x, %s {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "lowered", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 6 : i64} : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<6x1x1x1xi16, #sparse_tensor.encoding<sparsemap, [128], frac = 0, bits = 16>> -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %z = sparse_tensor.conv2d %y, %d {nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 6 : i64} : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<6x1x1x1xi16, #sparse_tensor.encoding<sparsemap, [128], frac = 0, bits = 16>> -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %z : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

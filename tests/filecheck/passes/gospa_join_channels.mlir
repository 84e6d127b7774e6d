// RUN: spcc-opt %s -p 'attach-target{target=gospa set="n_apu=1;cols=4"},gospa-join-channels' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=gospa set="n_apu=1;cols=4"},gospa-join-channels,tile,gospa-reorder-cid-pid' | filecheck %s --check-prefix=STREAMS
// RUN: spcc-opt %s -p 'attach-target{target=gospa set="n_apu=1;cols=1"},gospa-join-channels' | filecheck %s --check-prefix=ALONE

// Six channels of a scale share two filter groups of three; the model's own convolution is left.
// CHECK-DAG:  sparse_tensor.weight "s.joined" : tensor<6x3x1x1xi16,
// CHECK-DAG:  sparse_tensor.weight "d" : tensor<6x1x1x1xi16,
// CHECK:      sparse_tensor.conv2d {{.*}} {nominal_macs = 24 : i64, {{.*}} groups = 2 : i64}
// CHECK:      sparse_tensor.conv2d {{.*}} groups = 6 : i64}

// STREAMS: gospa_listing = ["group 0 channel 0: {0}, filter 0: 0:1", "group 0 channel 1: {0}, filter 1: 0:2", "group 0 channel 2: {0}, filter 2: 0:3", "group 1 channel 0: {0}, filter 3: 0:4", "group 1 channel 1: {0}, filter 4: 0:5", "group 1 channel 2: {0}, filter 5: 0:6"]

// ALONE-NOT: joined
builtin.module attributes {spcc.weights = "gospa_join_channels.json"} {
  func.func @main(%x: tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["z"]} {
    %s = sparse_tensor.weight "s" : tensor<6x1x1x1xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>>
    %d = sparse_tensor.weight "d" : tensor<6x1x1x1xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>>
    %y = sparse_tensor.conv2d %x, %s {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "lowered", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 6 : i64} : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<6x1x1x1xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>> -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %z = sparse_tensor.conv2d %y, %d {nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 6 : i64} : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<6x1x1x1xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>> -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %z : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

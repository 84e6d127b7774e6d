// RUN: spcc-opt %s -p 'prune-weights' | filecheck %s
// RUN: spcc-opt %s -p 'prune-weights{scheme=magnitude amount=0.5}' | filecheck %s
// RUN: spcc-opt %s -p 'prune-weights{scheme=threshold amount=2.5}' | filecheck %s
// RUN: spcc-opt %s -p 'prune-weights{scheme=group amount=0.5 block=2}' | filecheck %s
// RUN: spcc-opt %s -p 'prune-weights{scheme=shape amount=0.5}' | filecheck %s

// Weights of convolutions and matmuls get new keys and keep their type and source; biases and other constants stay.
// One weight op of two layers is pruned once.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "w.pruned" {source = "w"} : tensor<2x2x1x1xf32>
// CHECK-NEXT:    %b = sparse_tensor.weight "b" {source = "b"} : tensor<2xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x2x2xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %d = sparse_tensor.conv2d %c, %w {nodes = ["d"], tensor = "d", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x2x2xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %m = sparse_tensor.weight "m.pruned" {source = "B", transposed = true} : tensor<2x3xf32>
// CHECK-NEXT:    %g = sparse_tensor.matmul %v, %m {nodes = ["g"], tensor = "g", op_type = "Gemm", placement = "native"} : tensor<4x3xf32>, tensor<2x3xf32> -> tensor<4x2xf32>
// CHECK-NEXT:    %q = sparse_tensor.weight "q.pruned" : tensor<2x3xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 8>>
// CHECK-NEXT:    %h = sparse_tensor.matmul %v, %q {nodes = ["h"], tensor = "h", op_type = "Gemm", placement = "native"} : tensor<4x3xf32>, tensor<2x3xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 8>> -> tensor<4x2xf32>
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %y = sparse_tensor.affine %d, %s, %b {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y, %g, %h : tensor<1x2x2x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
builtin.module attributes {spcc.weights = "prune_weights.json"} {
  func.func @main(%x: tensor<1x2x2x2xf32>, %v: tensor<4x3xf32>) -> (tensor<1x2x2x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "g", "h"]} {
    %w = sparse_tensor.weight "w" {source = "w"} : tensor<2x2x1x1xf32>
    %b = sparse_tensor.weight "b" {source = "b"} : tensor<2xf32>
    %c = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x2x2xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x2x2xf32>
    %d = sparse_tensor.conv2d %c, %w {nodes = ["d"], tensor = "d", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x2x2xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x2x2xf32>
    %m = sparse_tensor.weight "m" {source = "B", transposed = true} : tensor<2x3xf32>
    %g = sparse_tensor.matmul %v, %m {nodes = ["g"], tensor = "g", op_type = "Gemm", placement = "native"} : tensor<4x3xf32>, tensor<2x3xf32> -> tensor<4x2xf32>
    %q = sparse_tensor.weight "q" : tensor<2x3xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 8>>
    %h = sparse_tensor.matmul %v, %q {nodes = ["h"], tensor = "h", op_type = "Gemm", placement = "native"} : tensor<4x3xf32>, tensor<2x3xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 8>> -> tensor<4x2xf32>
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %y = sparse_tensor.affine %d, %s, %b {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y, %g, %h : tensor<1x2x2x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>
  }
}

// RUN: spcc-opt %s -p 'attach-target{target=spots},assign-format' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=spots},assign-format,assign-format' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=spots set="G=4"},assign-format' | filecheck %s --check-prefix G4

// Weights of convolutions and matmuls get the target's packed format; scale and width stay,
// so do activations and biases.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "w" : tensor<4x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = 15, bits = 16>>
// CHECK-NEXT:    %b = sparse_tensor.weight "b" : tensor<4xi32>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 3 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = 15, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>
// CHECK-NEXT:    %m = sparse_tensor.weight "m" : tensor<2x8xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = 3, bits = 8>>
// CHECK-NEXT:    %z = sparse_tensor.matmul %v, %m {nodes = ["z"], tensor = "z", op_type = "Gemm", placement = "native"} : tensor<3x8xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 16>>, tensor<2x8xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = 3, bits = 8>> -> tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>
// CHECK-NEXT:    func.return %y, %z : tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>, tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>
// G4-LABEL: func.func @main(
// G4-NEXT:    %w = sparse_tensor.weight "w" : tensor<4x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [4, 1], frac = 15, bits = 16>>
// G4-NEXT:    %b = sparse_tensor.weight "b" : tensor<4xi32>
// G4-NEXT:    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 3 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [4, 1], frac = 15, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>
// G4-NEXT:    %m = sparse_tensor.weight "m" : tensor<2x8xi16, #sparse_tensor.encoding<spots_tile, [4, 1], frac = 3, bits = 8>>
// G4-NEXT:    %z = sparse_tensor.matmul %v, %m {nodes = ["z"], tensor = "z", op_type = "Gemm", placement = "native"} : tensor<3x8xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 16>>, tensor<2x8xi16, #sparse_tensor.encoding<spots_tile, [4, 1], frac = 3, bits = 8>> -> tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>
// G4-NEXT:    func.return %y, %z : tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>, tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>
builtin.module {
  func.func @main(%x: tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, %v: tensor<3x8xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 16>>) -> (tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>, tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "z"]} {
    %w = sparse_tensor.weight "w" : tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 15, bits = 16>>
    %b = sparse_tensor.weight "b" : tensor<4xi32>
    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 3 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 15, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>
    %m = sparse_tensor.weight "m" : tensor<2x8xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>>
    %z = sparse_tensor.matmul %v, %m {nodes = ["z"], tensor = "z", op_type = "Gemm", placement = "native"} : tensor<3x8xi16, #sparse_tensor.encoding<dense, [], frac = 1, bits = 16>>, tensor<2x8xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>> -> tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>
    func.return %y, %z : tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>, tensor<3x2xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 16>>
  }
}

// RUN: spcc-opt %s -p 'fold-affine' --split-input-file | filecheck %s
// RUN: spcc-opt %s -p 'fold-affine,fold-affine' --split-input-file | filecheck %s

// The convolution takes up scale and shift; its weights keep their source. No bias becomes the shift alone.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "w" {source = "w"} : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %b = sparse_tensor.weight "b" {source = "b"} : tensor<2xf32>
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %y = sparse_tensor.weight "w.folded" {source = "w"} : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %y_1 = sparse_tensor.weight "w.bias.folded" : tensor<2xf32>
// CHECK-NEXT:    %y_2 = sparse_tensor.conv2d %x, %y bias %y_1 : tensor<2xf32> {op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, nodes = ["c", "y"], tensor = "y"} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %z = sparse_tensor.weight "w.folded.1" {source = "w"} : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %z_1 = sparse_tensor.weight "w.bias.folded.1" : tensor<2xf32>
// CHECK-NEXT:    %z_2 = sparse_tensor.conv2d %x, %z bias %z_1 : tensor<2xf32> {op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, nodes = ["d", "z"], tensor = "z"} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y_2, %z_2 : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>
builtin.module attributes {spcc.weights = "fold_affine.json"} {
  func.func @main(%x: tensor<1x1x2x2xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y", "z"]} {
    %w = sparse_tensor.weight "w" {source = "w"} : tensor<2x1x1x1xf32>
    %b = sparse_tensor.weight "b" {source = "b"} : tensor<2xf32>
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %c = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
    %y = sparse_tensor.affine %c, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %d = sparse_tensor.conv2d %x, %w {nodes = ["d"], tensor = "d", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
    %z = sparse_tensor.affine %d, %s, %t {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y, %z : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>
  }
}

// -----

// So does a matmul; and an affine behind another one.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %m = sparse_tensor.weight "m" : tensor<2x3xf32>
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %y = sparse_tensor.weight "m.folded" : tensor<2x3xf32>
// CHECK-NEXT:    %y_1 = sparse_tensor.weight "m.bias.folded" : tensor<2xf32>
// CHECK-NEXT:    %y_2 = sparse_tensor.matmul %x, %y bias %y_1 : tensor<2xf32> {op_type = "Gemm", placement = "native", nodes = ["g", "y"], tensor = "y"} : tensor<4x3xf32>, tensor<2x3xf32> -> tensor<4x2xf32>
// CHECK-NEXT:    %z = sparse_tensor.weight "z.scale" : tensor<2xf32>
// CHECK-NEXT:    %z_1 = sparse_tensor.weight "z.shift" : tensor<2xf32>
// CHECK-NEXT:    %z_2 = sparse_tensor.affine %v, %z, %z_1 {op_type = "BatchNormalization", placement = "native", nodes = ["a", "z"], tensor = "z"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y_2, %z_2 : tensor<4x2xf32>, tensor<1x2x2x2xf32>
builtin.module attributes {spcc.weights = "fold_affine.json"} {
  func.func @main(%x: tensor<4x3xf32>, %v: tensor<1x2x2x2xf32>) -> (tensor<4x2xf32>, tensor<1x2x2x2xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "z"]} {
    %m = sparse_tensor.weight "m" : tensor<2x3xf32>
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %g = sparse_tensor.matmul %x, %m {nodes = ["g"], tensor = "g", op_type = "Gemm", placement = "native"} : tensor<4x3xf32>, tensor<2x3xf32> -> tensor<4x2xf32>
    %y = sparse_tensor.affine %g, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<4x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
    %a = sparse_tensor.affine %v, %s, %t {nodes = ["a"], tensor = "a", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %z = sparse_tensor.affine %a, %s, %t {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y, %z : tensor<4x2xf32>, tensor<1x2x2x2xf32>
  }
}

// -----

// Not folded: behind a sum that is used elsewhere, behind an epilogue, behind anything that has no weights.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "w" {source = "w"} : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %w {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %y = sparse_tensor.affine %c, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %d = sparse_tensor.conv2d %x, %w {nodes = ["d"], tensor = "d", op_type = "Conv", placement = "native", clip = [0.000000e+00 : f64, 6.000000e+00 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %z = sparse_tensor.affine %d, %s, %t {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %e = sparse_tensor.conv2d %x, %w residual %v : tensor<1x2x2x2xf32> {nodes = ["e"], tensor = "e", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %u = sparse_tensor.affine %e, %s, %t {nodes = ["u"], tensor = "u", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %i = sparse_tensor.affine %v, %s, %t {nodes = ["i"], tensor = "i", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y, %c, %z, %u, %i : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>
builtin.module attributes {spcc.weights = "fold_affine.json"} {
  func.func @main(%x: tensor<1x1x2x2xf32>, %v: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "c", "z", "u", "i"]} {
    %w = sparse_tensor.weight "w" {source = "w"} : tensor<2x1x1x1xf32>
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %c = sparse_tensor.conv2d %x, %w {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
    %y = sparse_tensor.affine %c, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %d = sparse_tensor.conv2d %x, %w {nodes = ["d"], tensor = "d", op_type = "Conv", placement = "native", clip = [0.0 : f64, 6.0 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
    %z = sparse_tensor.affine %d, %s, %t {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %e = sparse_tensor.conv2d %x, %w residual %v : tensor<1x2x2x2xf32> {nodes = ["e"], tensor = "e", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
    %u = sparse_tensor.affine %e, %s, %t {nodes = ["u"], tensor = "u", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    %i = sparse_tensor.affine %v, %s, %t {nodes = ["i"], tensor = "i", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y, %c, %z, %u, %i : tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>
  }
}

// -----

// Nor into integers that the model brought.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "q" : tensor<2x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %w {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %y = sparse_tensor.affine %c, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y : tensor<1x2x2x2xf32>
builtin.module attributes {spcc.weights = "fold_affine.json"} {
  func.func @main(%x: tensor<1x1x2x2xf32>) -> (tensor<1x2x2x2xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "q" : tensor<2x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %c = sparse_tensor.conv2d %x, %w {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<2x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>> -> tensor<1x2x2x2xf32>
    %y = sparse_tensor.affine %c, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y : tensor<1x2x2x2xf32>
  }
}

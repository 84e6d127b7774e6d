// RUN: spcc-opt %s -p 'lower-affine' --split-input-file | filecheck %s
// RUN: spcc-opt %s -p 'lower-affine,lower-affine' --split-input-file | filecheck %s

// On [N, C, H, W] a depthwise 1x1 convolution.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %y = sparse_tensor.weight "y.scale" : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %y_1 = sparse_tensor.weight "y.shift" : tensor<2xf32>
// CHECK-NEXT:    %y_2 = sparse_tensor.conv2d %v, %y bias %y_1 : tensor<2xf32> {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "lowered", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x2x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y_2 : tensor<1x2x2x2xf32>
builtin.module attributes {spcc.weights = "lower_affine.json"} {
  func.func @main(%v: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2xf32>) attributes {onnx.inputs = ["v"], onnx.outputs = ["y"]} {
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %y = sparse_tensor.affine %v, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y : tensor<1x2x2x2xf32>
  }
}

// -----

// On any other rank through a view [N, C, 1, rest] and back.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %x = sparse_tensor.reshape %a {nodes = ["x"], tensor = "", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2xf32>) -> tensor<3x2x1x1xf32>
// CHECK-NEXT:    %x_1 = sparse_tensor.weight "x.scale" : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %x_2 = sparse_tensor.weight "x.shift" : tensor<2xf32>
// CHECK-NEXT:    %x_3 = sparse_tensor.conv2d %x, %x_1 bias %x_2 : tensor<2xf32> {nodes = ["x"], tensor = "x", op_type = "BatchNormalization", placement = "lowered", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<3x2x1x1xf32>, tensor<2x1x1x1xf32> -> tensor<3x2x1x1xf32>
// CHECK-NEXT:    %x_4 = sparse_tensor.reshape %x_3 {nodes = ["x"], tensor = "x", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x1x1xf32>) -> tensor<3x2xf32>
// CHECK-NEXT:    %y = sparse_tensor.reshape %b {nodes = ["y"], tensor = "", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x4xf32>) -> tensor<3x2x1x4xf32>
// CHECK-NEXT:    %y_1 = sparse_tensor.weight "y.scale" : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %y_2 = sparse_tensor.weight "y.shift" : tensor<2xf32>
// CHECK-NEXT:    %y_3 = sparse_tensor.conv2d %y, %y_1 bias %y_2 : tensor<2xf32> {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "lowered", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<3x2x1x4xf32>, tensor<2x1x1x1xf32> -> tensor<3x2x1x4xf32>
// CHECK-NEXT:    %y_4 = sparse_tensor.reshape %y_3 {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x1x4xf32>) -> tensor<3x2x4xf32>
// CHECK-NEXT:    %z = sparse_tensor.reshape %c {nodes = ["z"], tensor = "", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x2x2x2xf32>) -> tensor<3x2x1x8xf32>
// CHECK-NEXT:    %z_1 = sparse_tensor.weight "z.scale" : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %z_2 = sparse_tensor.weight "z.shift" : tensor<2xf32>
// CHECK-NEXT:    %z_3 = sparse_tensor.conv2d %z, %z_1 bias %z_2 : tensor<2xf32> {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "lowered", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<3x2x1x8xf32>, tensor<2x1x1x1xf32> -> tensor<3x2x1x8xf32>
// CHECK-NEXT:    %z_4 = sparse_tensor.reshape %z_3 {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x1x8xf32>) -> tensor<3x2x2x2x2xf32>
// CHECK-NEXT:    func.return %x_4, %y_4, %z_4 : tensor<3x2xf32>, tensor<3x2x4xf32>, tensor<3x2x2x2x2xf32>
builtin.module attributes {spcc.weights = "lower_affine.json"} {
  func.func @main(%a: tensor<3x2xf32>, %b: tensor<3x2x4xf32>, %c: tensor<3x2x2x2x2xf32>) -> (tensor<3x2xf32>, tensor<3x2x4xf32>, tensor<3x2x2x2x2xf32>) attributes {onnx.inputs = ["a", "b", "c"], onnx.outputs = ["x", "y", "z"]} {
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %x = sparse_tensor.affine %a, %s, %t {nodes = ["x"], tensor = "x", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
    %y = sparse_tensor.affine %b, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2x4xf32>
    %z = sparse_tensor.affine %c, %s, %t {nodes = ["z"], tensor = "z", op_type = "BatchNormalization", placement = "native"} : (tensor<3x2x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2x2x2x2xf32>
    func.return %x, %y, %z : tensor<3x2xf32>, tensor<3x2x4xf32>, tensor<3x2x2x2x2xf32>
  }
}

// -----

// The epilogue goes with it.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %s = sparse_tensor.weight "s" : tensor<2xf32>
// CHECK-NEXT:    %t = sparse_tensor.weight "t" : tensor<2xf32>
// CHECK-NEXT:    %y = sparse_tensor.weight "y.scale" : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %y_1 = sparse_tensor.weight "y.shift" : tensor<2xf32>
// CHECK-NEXT:    %y_2 = sparse_tensor.conv2d %v, %y bias %y_1 : tensor<2xf32> {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "lowered", clip = [0.000000e+00 : f64, 6.000000e+00 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x2x2x2xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    func.return %y_2 : tensor<1x2x2x2xf32>
builtin.module attributes {spcc.weights = "lower_affine.json"} {
  func.func @main(%v: tensor<1x2x2x2xf32>) -> (tensor<1x2x2x2xf32>) attributes {onnx.inputs = ["v"], onnx.outputs = ["y"]} {
    %s = sparse_tensor.weight "s" : tensor<2xf32>
    %t = sparse_tensor.weight "t" : tensor<2xf32>
    %y = sparse_tensor.affine %v, %s, %t {nodes = ["y"], tensor = "y", op_type = "BatchNormalization", placement = "native", clip = [0.0 : f64, 6.0 : f64]} : (tensor<1x2x2x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x2x2xf32>
    func.return %y : tensor<1x2x2x2xf32>
  }
}

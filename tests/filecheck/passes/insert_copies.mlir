// RUN: spcc-opt %s -p insert-copies --split-input-file | filecheck %s
// RUN: spcc-opt %s -p insert-copies,insert-copies --split-input-file | filecheck %s

// Operands that one op writes need no copy, whoever else reads them.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.elementwise
// CHECK-NEXT:    %b = sparse_tensor.host_call
// CHECK-NEXT:    %j = sparse_tensor.concat %a, %b {
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<2x1x4xf32>) -> (tensor<2x4x4xf32>, tensor<2x3x4xf32>) attributes {onnx.inputs = ["x", "y"], onnx.outputs = ["j", "a"]} {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %b = sparse_tensor.host_call "b.fragment"(%y) {nodes = ["b"], tensors = ["b"], op_type = "Sin", reason = "no"} : (tensor<2x1x4xf32>) -> tensor<2x1x4xf32>
  %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  func.return %j, %a : tensor<2x4x4xf32>, tensor<2x3x4xf32>
}

// -----

// Copied are: a graph input, a view of one, and whatever has its place in a concatenation already. The copy
// stands for the concatenation's node and equals the tensor that it copies.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %v = sparse_tensor.reshape
// CHECK-NEXT:    %0 = sparse_tensor.elementwise %x {nodes = ["j"], tensor = "x", op_type = "Copy", placement = "lowered"} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
// CHECK-NEXT:    %1 = sparse_tensor.elementwise %v {nodes = ["j"], tensor = "v", op_type = "Copy", placement = "lowered"}
// CHECK-NEXT:    %2 = sparse_tensor.elementwise %v {nodes = ["j"], tensor = "v", op_type = "Copy", placement = "lowered"}
// CHECK-NEXT:    %j = sparse_tensor.concat %0, %1, %2 {
// CHECK-NEXT:    %a = sparse_tensor.elementwise
// CHECK-NEXT:    %3 = sparse_tensor.elementwise %a {nodes = ["k"], tensor = "a"
// CHECK-NEXT:    %k = sparse_tensor.concat %a, %3 {
// CHECK-NEXT:    %4 = sparse_tensor.elementwise %a {nodes = ["l"], tensor = "a"
// CHECK-NEXT:    %l = sparse_tensor.concat %4 {
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<2x12xf32>) -> (tensor<2x9x4xf32>, tensor<2x6x4xf32>, tensor<2x3x4xf32>) attributes {onnx.inputs = ["x", "y"], onnx.outputs = ["j", "k", "l"]} {
  %v = sparse_tensor.reshape %y {nodes = ["v"], tensor = "v", op_type = "Reshape", placement = "native"} : (tensor<2x12xf32>) -> tensor<2x3x4xf32>
  %j = sparse_tensor.concat %x, %v, %v {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x9x4xf32>
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %k = sparse_tensor.concat %a, %a {nodes = ["k"], tensor = "k", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x6x4xf32>
  %l = sparse_tensor.concat %a {nodes = ["l"], tensor = "l", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return %j, %k, %l : tensor<2x9x4xf32>, tensor<2x6x4xf32>, tensor<2x3x4xf32>
}

// -----

// Integers that the model asks for keep their scale: the concatenation gets a copy at its own.
// CHECK-LABEL: func.func @main(
// CHECK:         %a = sparse_tensor.elementwise %x {{.*}} -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 7, bits = 8>>
// CHECK-NEXT:    %b =
// CHECK-NEXT:    %0 = sparse_tensor.elementwise %a {{{.*}}op_type = "Copy"{{.*}}} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 7, bits = 8>> -> tensor<2x3x4xf32>
// CHECK-NEXT:    %j = sparse_tensor.concat %0, %b {
func.func @main(%x: tensor<2x3x4xf32>) -> (tensor<2x6x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["j"]} {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 7, bits = 8>>
  %b = sparse_tensor.elementwise %x {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 7, bits = 8>>, tensor<2x3x4xf32>) -> tensor<2x6x4xf32>
  func.return %j : tensor<2x6x4xf32>
}

// -----

// A concatenation may lie in another; what lies in the inner one is copied into the outer.
// CHECK-LABEL: func.func @main(
// CHECK:         %j = sparse_tensor.concat %a, %b {
// CHECK-NEXT:    %0 = sparse_tensor.elementwise %a {nodes = ["k"], tensor = "a"
// CHECK-NEXT:    %k = sparse_tensor.concat %j, %0 {
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<2x1x4xf32>) -> (tensor<2x7x4xf32>) attributes {onnx.inputs = ["x", "y"], onnx.outputs = ["k"]} {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %b = sparse_tensor.elementwise %y {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x4xf32> -> tensor<2x1x4xf32>
  %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  %k = sparse_tensor.concat %j, %a {nodes = ["k"], tensor = "k", op_type = "Concat", placement = "native"} : (tensor<2x4x4xf32>, tensor<2x3x4xf32>) -> tensor<2x7x4xf32>
  func.return %k : tensor<2x7x4xf32>
}

// -----

// The images of an operand lie apart from each other: a view may keep the images (f), but not mix them, whether
// it views the operand (g) or a view of it (h). The concatenation's result lies in one piece (i).
// CHECK-LABEL: func.func @main(
// CHECK:         %f = sparse_tensor.reshape %a {
// CHECK-NEXT:    %0 = sparse_tensor.elementwise %a {nodes = ["g"], tensor = "a", op_type = "Copy"
// CHECK-NEXT:    %g = sparse_tensor.reshape %0 {
// CHECK-NEXT:    %1 = sparse_tensor.elementwise %f {nodes = ["h"], tensor = "f", op_type = "Copy"
// CHECK-NEXT:    %h = sparse_tensor.reshape %1 {
// CHECK-NEXT:    %i = sparse_tensor.reshape %j {
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<2x3x4xf32>) -> (tensor<2x6x4xf32>, tensor<24xf32>, tensor<4x6xf32>, tensor<48xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["j", "g", "h", "i"]} {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %b = sparse_tensor.elementwise %x {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x6x4xf32>
  %f = sparse_tensor.reshape %a {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<2x3x4xf32>) -> tensor<2x12xf32>
  %g = sparse_tensor.reshape %a {nodes = ["g"], tensor = "g", op_type = "Reshape", placement = "native"} : (tensor<2x3x4xf32>) -> tensor<24xf32>
  %h = sparse_tensor.reshape %f {nodes = ["h"], tensor = "h", op_type = "Reshape", placement = "native"} : (tensor<2x12xf32>) -> tensor<4x6xf32>
  %i = sparse_tensor.reshape %j {nodes = ["i"], tensor = "i", op_type = "Reshape", placement = "native"} : (tensor<2x6x4xf32>) -> tensor<48xf32>
  func.return %j, %g, %h, %i : tensor<2x6x4xf32>, tensor<24xf32>, tensor<4x6xf32>, tensor<48xf32>
}

// -----

// A single image lies in one piece.
// CHECK-LABEL: func.func @main(
// CHECK:         %f = sparse_tensor.reshape %a {
// CHECK-NEXT:    %h = sparse_tensor.reshape %f {
func.func @main(%x: tensor<1x3x4xf32>) -> (tensor<1x6x4xf32>, tensor<4x3xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["j", "h"]} {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x3x4xf32> -> tensor<1x3x4xf32>
  %b = sparse_tensor.elementwise %x {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x3x4xf32> -> tensor<1x3x4xf32>
  %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x6x4xf32>
  %f = sparse_tensor.reshape %a {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<1x3x4xf32>) -> tensor<1x12xf32>
  %h = sparse_tensor.reshape %f {nodes = ["h"], tensor = "h", op_type = "Reshape", placement = "native"} : (tensor<1x12xf32>) -> tensor<4x3xf32>
  func.return %j, %h : tensor<1x6x4xf32>, tensor<4x3xf32>
}

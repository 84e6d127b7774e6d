// RUN: spcc-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// The text of a node.
// CHECK: '(' expected
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu %x "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: string literal expected
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) n -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: Expected '->'
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) "n" "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: an attribute is there twice
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = 1, a = 2} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: f32 is not the value of an ONNX attribute
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = f32} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: [1 : i64, 2.000000e+00 : f64] is not the value of an ONNX attribute
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = [1, 2.0]} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: 1 : i8 is not the value of an ONNX attribute
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = 1 : i8} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: expected 1 operand types but had 2
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x, %x) "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: string literal expected
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Custom "only.domain" (%x) "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: Operation onnx.NoSuchOperator is not registered
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.NoSuchOperator(%x) "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// Attributes with a form of their own.
// CHECK: 4294967296 is not the 32 bits of a float
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = #onnx.floats<[4294967296]>} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: '[' expected
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = #onnx.floats<0.5>} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: string literal expected
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) {a = #onnx.tensor<key>} "n" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// Every result has a name, every name is legal text.
// CHECK: onnx.Relu has 1 results but 2 names
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) "n" -> "y", "z" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: "\\u12" has a malformed escape
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) "\\u12" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: "\\x" has a malformed escape
func.func @f(%x: tensor<4xf32>) {
  %y = onnx.Relu(%x) "n" -> "\\x" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: attribute a = 1 : i8 is not the encoding of an ONNX one
func.func @f(%x: tensor<4xf32>) {
  %y = "onnx.Relu"(%x) <{node_name = "n", output_names = ["y"], attributes = {a = 1 : i8}}> : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: property 'attributes' expected in operation 'onnx.Relu'
func.func @f(%x: tensor<4xf32>) {
  %y = "onnx.Relu"(%x) <{node_name = "n", output_names = ["y"]}> : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: operand 'inputs' at position 0 does not verify:
func.func @f(%x: i32) {
  %y = onnx.Relu(%x) "n" -> "y" : (i32) -> tensor<4xf32>
  func.return
}

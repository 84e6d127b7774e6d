// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s

// CHECK-LABEL: func.func @main(
// GENERIC-LABEL: sym_name = "main"
// CHECK-SAME: attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]}
func.func @main(%x: tensor<1x3x8x8xf32>) -> tensor<1x4x6x6xf32> attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
  // CHECK-NEXT: %w = onnx.Initializer "w" : tensor<4x3x3x3xf32>
  // GENERIC: %w = "onnx.Initializer"() <{key = "w"}> : () -> tensor<4x3x3x3xf32>
  %w = onnx.Initializer "w" : tensor<4x3x3x3xf32>
  // CHECK-NEXT: %none = onnx.NoValue : none
  // GENERIC-NEXT: %none = "onnx.NoValue"() : () -> none
  %none = onnx.NoValue : none
  // CHECK-NEXT: %y = onnx.Conv(%x, %w, %none) {kernel_shape = [3, 3], auto_pad = "VALID"} "conv" -> "y" : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<1x4x6x6xf32>
  // GENERIC-NEXT: %y = "onnx.Conv"(%x, %w, %none) <{node_name = "conv", output_names = ["y"], attributes = {kernel_shape = array<i64: 3, 3>, auto_pad = "VALID"}}> : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<1x4x6x6xf32>
  %y = onnx.Conv(%x, %w, %none) {kernel_shape = [3, 3], auto_pad = "VALID"} "conv" -> "y" : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<1x4x6x6xf32>
  func.return %y : tensor<1x4x6x6xf32>
}

// Every kind of attribute; numbers keep every bit, those that are no numbers are written by their bits.
// CHECK-LABEL: func.func @attributes(
// GENERIC-LABEL: sym_name = "attributes"
func.func @attributes(%x: tensor<4xf32>) {
  // CHECK-NEXT: %0 = onnx.Custom "com.example" "Odd"(%x) {i = -7, f = 0.1, e = 1.0e-45, inf = 0x7f800000 : f32, s = "text", is = [1, -2], none = array<i64>, fs = [0.5, 1.0e+30], odd = #onnx.floats<[0x7fc00000, 1.0]>, ss = ["a", "b"], "two words" = 1} "odd" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  // GENERIC: %0 = "onnx.Custom"(%x) <{node_name = "odd", output_names = ["y"], attributes = {i = -7 : i64, f = 1.000000e-01 : f32,
  %0 = onnx.Custom "com.example" "Odd"(%x) {i = -7, f = 0.1, e = 1.0e-45, inf = 0x7f800000 : f32, s = "text", is = [1, -2], none = array<i64>, fs = [0.5, 1.0e+30], odd = #onnx.floats<[0x7fc00000, 1.0]>, ss = ["a", "b"], "two words" = 1} "odd" -> "y" : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK-NEXT: %1 = onnx.Constant() {value = #onnx.tensor<"c.value">} "c" -> "z" : () -> tensor<4xf32>
  %1 = onnx.Constant() {value = #onnx.tensor<"c.value">} "c" -> "z" : () -> tensor<4xf32>
  // CHECK-NEXT: %2 = onnx.If(%x) {then_branch = #onnx.graph<"if.then">, else_branch = #onnx.graph<"if.else">} "if" -> "v" : (tensor<4xf32>) -> tensor<4xf32>
  %2 = onnx.If(%x) {then_branch = #onnx.graph<"if.then">, else_branch = #onnx.graph<"if.else">} "if" -> "v" : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// Several outputs, some of them absent; names with letters that no identifier has.
// CHECK-LABEL: func.func @outputs(
func.func @outputs(%x: tensor<4xf32>) {
  // CHECK-NEXT: %0, %1, %2 = onnx.Dropout(%x) "drop/1" -> "a b", "", "\\xe4\\n" : (tensor<4xf32>) -> (tensor<4xf32>, none, tensor<4xi1>)
  %0, %1, %2 = onnx.Dropout(%x) "drop/1" -> "a b", "", "\\xe4\\n" : (tensor<4xf32>) -> (tensor<4xf32>, none, tensor<4xi1>)
  func.return
}

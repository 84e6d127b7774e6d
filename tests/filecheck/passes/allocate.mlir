// RUN: spcc-opt %s -p 'attach-target{target=spots},allocate' --split-input-file | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=spots},allocate,allocate' --split-input-file | filecheck %s

// Constants first: packed weights (72 and 130 bytes) and biases in order, each at a multiple of 64 bytes; then the inputs
// and every result, row-major. Weight ops have no place of their own.
// CHECK:    builtin.module attributes {{.*}}spcc.image = {constants = 384 : i64, bytes = 648 : i64}
// CHECK:    func.func @main(%x: tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y", "z"], dram = [{offset = 384 : i64, strides = [36 : i64, 18 : i64, 6 : i64, 2 : i64]}]} {
// CHECK-NEXT:    %w = sparse_tensor.weight "w" : tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %b = sparse_tensor.weight "b" {dram = 128 : i64} : tensor<4xi32>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {packed = "p", packed_dram = 0 : i64, dram = [{offset = 448 : i64, strides = [72 : i64, 18 : i64, 6 : i64, 2 : i64]}], nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %z = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {packed = "r", packed_dram = 192 : i64, dram = [{offset = 576 : i64, strides = [72 : i64, 18 : i64, 6 : i64, 2 : i64]}], nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %y, %z : tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module attributes {spcc.weights = "allocate.json"} {
  func.func @main(%x: tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y", "z"]} {
    %w = sparse_tensor.weight "w" : tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %b = sparse_tensor.weight "b" : tensor<4xi32>
    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {packed = "p", nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %z = sparse_tensor.conv2d %x, %w bias %b : tensor<4xi32> {packed = "r", nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y, %z : tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// Operands of a concatenation lie where it has them: behind each other, the images as far apart as its own.
// CHECK:    builtin.module attributes {{.*}}spcc.image = {constants = 0 : i64, bytes = 240 : i64}
// CHECK:    func.func @main(%x: tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %v: tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["j", "c"], dram = [{offset = 0 : i64, strides = [24 : i64, 8 : i64, 2 : i64]}, {offset = 64 : i64, strides = [8 : i64, 8 : i64, 2 : i64]}]} {
// CHECK-NEXT:    %a = sparse_tensor.elementwise %x {dram = [{offset = 128 : i64, strides = [32 : i64, 8 : i64, 2 : i64]}], nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %b = sparse_tensor.elementwise %v {dram = [{offset = 152 : i64, strides = [32 : i64, 8 : i64, 2 : i64]}], nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %j = sparse_tensor.concat %a, %b {dram = [{offset = 128 : i64, strides = [32 : i64, 8 : i64, 2 : i64]}], nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %a {dram = [{offset = 192 : i64, strides = [24 : i64, 8 : i64, 2 : i64]}], nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %j, %c : tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module {
  func.func @main(%x: tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %v: tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["j", "c"]} {
    %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %b = sparse_tensor.elementwise %v {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %c = sparse_tensor.elementwise %a {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %j, %c : tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// A concatenation inside another; the outer one is placed when its first operand is.
// CHECK:    builtin.module attributes {{.*}}spcc.image = {constants = 0 : i64, bytes = 88 : i64}
// CHECK:    func.func @main(%x: tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x3x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["k"], dram = [{offset = 0 : i64, strides = [4 : i64, 4 : i64, 2 : i64]}]} {
// CHECK-NEXT:    %a = sparse_tensor.elementwise %x {dram = [{offset = 68 : i64, strides = [12 : i64, 4 : i64, 2 : i64]}], nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %b = sparse_tensor.elementwise %x {dram = [{offset = 72 : i64, strides = [12 : i64, 4 : i64, 2 : i64]}], nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %j = sparse_tensor.concat %a, %b {dram = [{offset = 68 : i64, strides = [12 : i64, 4 : i64, 2 : i64]}], nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %x {dram = [{offset = 64 : i64, strides = [12 : i64, 4 : i64, 2 : i64]}], nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %k = sparse_tensor.concat %c, %j {dram = [{offset = 64 : i64, strides = [12 : i64, 4 : i64, 2 : i64]}], nodes = ["k"], tensor = "k", op_type = "Concat", placement = "native"} : (tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x3x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %k : tensor<2x3x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module {
  func.func @main(%x: tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<2x3x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["k"]} {
    %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %b = sparse_tensor.elementwise %x {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %c = sparse_tensor.elementwise %x {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %k = sparse_tensor.concat %c, %j {nodes = ["k"], tensor = "k", op_type = "Concat", placement = "native"} : (tensor<2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x3x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %k : tensor<2x3x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// A view starts where its input does; with the same images it keeps their distance, otherwise it is in one piece.
// CHECK:    builtin.module attributes {{.*}}spcc.image = {constants = 0 : i64, bytes = 192 : i64}
// CHECK:    func.func @main(%x: tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %v: tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<2x12xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<8x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["f", "h"], dram = [{offset = 0 : i64, strides = [24 : i64, 8 : i64, 2 : i64]}, {offset = 64 : i64, strides = [8 : i64, 8 : i64, 2 : i64]}]} {
// CHECK-NEXT:    %a = sparse_tensor.elementwise %x {dram = [{offset = 128 : i64, strides = [32 : i64, 8 : i64, 2 : i64]}], nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %b = sparse_tensor.elementwise %v {dram = [{offset = 152 : i64, strides = [32 : i64, 8 : i64, 2 : i64]}], nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %j = sparse_tensor.concat %a, %b {dram = [{offset = 128 : i64, strides = [32 : i64, 8 : i64, 2 : i64]}], nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %f = sparse_tensor.reshape %a {dram = [{offset = 128 : i64, strides = [32 : i64, 2 : i64]}], nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x12xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %g = sparse_tensor.reshape %j {dram = [{offset = 128 : i64, strides = [2 : i64]}], nodes = ["g"], tensor = "g", op_type = "Reshape", placement = "native"} : (tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<32xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %h = sparse_tensor.reshape %g {dram = [{offset = 128 : i64, strides = [8 : i64, 2 : i64]}], nodes = ["h"], tensor = "h", op_type = "Reshape", placement = "native"} : (tensor<32xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<8x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %f, %h : tensor<2x12xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<8x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module {
  func.func @main(%x: tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %v: tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<2x12xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<8x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["f", "h"]} {
    %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %b = sparse_tensor.elementwise %v {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %f = sparse_tensor.reshape %a {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<2x3x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<2x12xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %g = sparse_tensor.reshape %j {nodes = ["g"], tensor = "g", op_type = "Reshape", placement = "native"} : (tensor<2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<32xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %h = sparse_tensor.reshape %g {nodes = ["h"], tensor = "h", op_type = "Reshape", placement = "native"} : (tensor<32xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<8x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %f, %h : tensor<2x12xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<8x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// Tensors of the host have their own type's size; a scalar has one element.
// CHECK:    builtin.module attributes {{.*}}spcc.image = {constants = 0 : i64, bytes = 176 : i64}
// CHECK:    func.func @main(%x: tensor<3xi1>) -> (tensor<f64>, tensor<2x3xi64>) attributes {onnx.inputs = ["x"], onnx.outputs = ["h", "i"], dram = [{offset = 0 : i64, strides = [1 : i64]}]} {
// CHECK-NEXT:    %h, %i = sparse_tensor.host_call "f"(%x) {dram = [{offset = 64 : i64, strides = []}, {offset = 128 : i64, strides = [24 : i64, 8 : i64]}], nodes = ["h"], tensors = ["h", "i"], op_type = "Sin", reason = "no"} : (tensor<3xi1>) -> (tensor<f64>, tensor<2x3xi64>)
// CHECK-NEXT:    func.return %h, %i : tensor<f64>, tensor<2x3xi64>
builtin.module attributes {spcc.weights = "allocate.json"} {
  func.func @main(%x: tensor<3xi1>) -> (tensor<f64>, tensor<2x3xi64>) attributes {onnx.inputs = ["x"], onnx.outputs = ["h", "i"]} {
    %h, %i = sparse_tensor.host_call "f"(%x) {nodes = ["h"], tensors = ["h", "i"], op_type = "Sin", reason = "no"} : (tensor<3xi1>) -> (tensor<f64>, tensor<2x3xi64>)
    func.return %h, %i : tensor<f64>, tensor<2x3xi64>
  }
}

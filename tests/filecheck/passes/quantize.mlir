// RUN: spcc-opt %s -p 'attach-target{target=spots},quantize' --split-input-file | filecheck %s

// Each tensor gets the most fraction bits that hold its largest value: 2 in x takes 13, 1.375 in y 14. Weights are
// stored in the same way. The largest sum, 2 * 0.75 at 2^28, is 7 bits too long for 22: the product shift.
// CHECK:    func.func @main(%x: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>) -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
// CHECK-NEXT:    %w = sparse_tensor.weight "w.i16" : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 15, bits = 16>>
// CHECK-NEXT:    %0 = sparse_tensor.weight "b.i32" : tensor<1xi32>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w bias %0 : tensor<1xi32> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 7 : i64} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 15, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>
// CHECK-NEXT:    func.return %y : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>
builtin.module attributes {spcc.weights = "quantize.json", spcc.calibration = [["x"]]} {
  func.func @main(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<1x1x1x1xf32>
    %b = sparse_tensor.weight "b" : tensor<1xf32>
    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<1xf32> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x2x2xf32>
    func.return %y : tensor<1x1x2x2xf32>
  }
}

// -----

// Two calibration runs: the larger value counts.
// CHECK:    func.func @main(%x: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>) -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
// CHECK-NEXT:    %w = sparse_tensor.weight "w.i16" : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 15, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 8 : i64} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 15, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>
// CHECK-NEXT:    func.return %y : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>
builtin.module attributes {spcc.weights = "quantize.json", spcc.calibration = [["x"], ["x2"]]} {
  func.func @main(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<1x1x1x1xf32>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x2x2xf32>
    func.return %y : tensor<1x1x2x2xf32>
  }
}

// -----

// All zeros: no fraction bits. A bias too large for 31 bits at that scale costs the weights their fraction bits.
// CHECK:    func.func @main(%x: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>) -> (tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = -7, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y", "u"]} {
// CHECK-NEXT:    %z = sparse_tensor.weight "z.i16" : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %z {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 0 : i64} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
// CHECK-NEXT:    %w = sparse_tensor.weight "w.i16" : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = -5, bits = 16>>
// CHECK-NEXT:    %0 = sparse_tensor.weight "big.i32" : tensor<1xi32>
// CHECK-NEXT:    %u = sparse_tensor.conv2d %x, %w bias %0 : tensor<1xi32> {nodes = ["u"], tensor = "u", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 0 : i64} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = -5, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = -7, bits = 16>>
// CHECK-NEXT:    func.return %y, %u : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = -7, bits = 16>>
builtin.module attributes {spcc.weights = "quantize.json", spcc.calibration = [["x"]]} {
  func.func @main(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y", "u"]} {
    %z = sparse_tensor.weight "z" : tensor<1x1x1x1xf32>
    %y = sparse_tensor.conv2d %x, %z {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x2x2xf32>
    %w = sparse_tensor.weight "w" : tensor<1x1x1x1xf32>
    %b = sparse_tensor.weight "big" : tensor<1xf32>
    %u = sparse_tensor.conv2d %x, %w bias %b : tensor<1xf32> {nodes = ["u"], tensor = "u", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x2x2xf32>
    func.return %y, %u : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
  }
}

// -----

// What concat places together, and views of it, share the scale of the largest.
// CHECK:    func.func @main(%x: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>, %v: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>) -> (tensor<1x8xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["f", "c"]} {
// CHECK-NEXT:    %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>
// CHECK-NEXT:    %b = sparse_tensor.elementwise %v {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>
// CHECK-NEXT:    %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>) -> tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>
// CHECK-NEXT:    %f = sparse_tensor.reshape %j {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>) -> tensor<1x8xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %x {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>
// CHECK-NEXT:    func.return %f, %c : tensor<1x8xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 16>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>
builtin.module attributes {spcc.weights = "quantize.json", spcc.calibration = [["x", "v"]]} {
  func.func @main(%x: tensor<1x1x2x2xf32>, %v: tensor<1x1x2x2xf32>) -> (tensor<1x8xf32>, tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["f", "c"]} {
    %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
    %b = sparse_tensor.elementwise %v {nodes = ["b"], tensor = "b", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
    %j = sparse_tensor.concat %a, %b {nodes = ["j"], tensor = "j", op_type = "Concat", placement = "native"} : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x2x2x2xf32>
    %f = sparse_tensor.reshape %j {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<1x2x2x2xf32>) -> tensor<1x8xf32>
    %c = sparse_tensor.elementwise %x {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
    func.return %f, %c : tensor<1x8xf32>, tensor<1x1x2x2xf32>
  }
}

// -----

// Integers that the model asks for stay as they are, so do its weights; a view of them has the same scale.
// CHECK:    func.func @main(%x: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>) -> (tensor<1x4xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["f", "c"]} {
// CHECK-NEXT:    %w = sparse_tensor.weight "wq" : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 0 : i64} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>, tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>
// CHECK-NEXT:    %f = sparse_tensor.reshape %y {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>) -> tensor<1x4xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %x {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>
// CHECK-NEXT:    func.return %f, %c : tensor<1x4xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>, tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 14, bits = 16>>
builtin.module attributes {spcc.weights = "quantize.json", spcc.calibration = [["x"]]} {
  func.func @main(%x: tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>) -> (tensor<1x4xf32>, tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["f", "c"]} {
    %w = sparse_tensor.weight "wq" : tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>, tensor<1x1x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>
    %f = sparse_tensor.reshape %y {nodes = ["f"], tensor = "f", op_type = "Reshape", placement = "native"} : (tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>>) -> tensor<1x4xf32>
    %c = sparse_tensor.elementwise %x {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 8>> -> tensor<1x1x2x2xf32>
    func.return %f, %c : tensor<1x4xf32>, tensor<1x1x2x2xf32>
  }
}

// -----

// What only host calls touch stays float; what a layer reads or writes does not.
// CHECK:    func.func @main(%x: tensor<1x1x2x2xf32>, %v: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["k", "l"]} {
// CHECK-NEXT:    %h = sparse_tensor.host_call "f"(%x) {nodes = ["h"], tensors = ["h"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
// CHECK-NEXT:    %i = sparse_tensor.host_call "f"(%h) {nodes = ["i"], tensors = ["i"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %i {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>> -> tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>
// CHECK-NEXT:    %k = sparse_tensor.host_call "f"(%c) {nodes = ["k"], tensors = ["k"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 13, bits = 16>>) -> tensor<1x1x2x2xf32>
// CHECK-NEXT:    %l = sparse_tensor.host_call "f"(%v) {nodes = ["l"], tensors = ["l"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
// CHECK-NEXT:    func.return %k, %l : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
builtin.module attributes {spcc.weights = "quantize.json", spcc.calibration = [["x", "v"]]} {
  func.func @main(%x: tensor<1x1x2x2xf32>, %v: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["k", "l"]} {
    %h = sparse_tensor.host_call "f"(%x) {nodes = ["h"], tensors = ["h"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
    %i = sparse_tensor.host_call "f"(%h) {nodes = ["i"], tensors = ["i"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
    %c = sparse_tensor.elementwise %i {nodes = ["c"], tensor = "c", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x1x2x2xf32> -> tensor<1x1x2x2xf32>
    %k = sparse_tensor.host_call "f"(%c) {nodes = ["k"], tensors = ["k"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
    %l = sparse_tensor.host_call "f"(%v) {nodes = ["l"], tensors = ["l"], op_type = "Abs", reason = "no kernel"} : (tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
    func.return %k, %l : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
  }
}

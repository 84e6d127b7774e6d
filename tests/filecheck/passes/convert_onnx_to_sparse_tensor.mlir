// RUN: spcc-opt %s -p 'attach-target{target=spots},convert-onnx-to-sparse-tensor' --split-input-file | filecheck %s

// A convolution keeps its node's name and its tensor's; constants become weights, the bias under a key of its own.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "b.layer" {source = "b"} : tensor<2xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "w" {source = "w"} : tensor<2x2x1x1xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %1 bias %0 : tensor<2xf32> {nodes = ["c_node"], tensor = "c", op_type = "Conv", placement = "native", groups = 1 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %c : tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["c"]} {
    %w = onnx.Initializer "w" : tensor<2x2x1x1xf32>
    %b = onnx.Initializer "b" : tensor<2xf32>
    %c = onnx.Conv(%x, %w, %b) {kernel_shape = [1, 1]} "c_node" -> "c" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    func.return %c : tensor<1x2x4x4xf32>
  }
}

// -----

// Groups, strides, asymmetric pads and dilations.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "wg" {source = "wg"} : tensor<4x1x2x2xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %0 {nodes = ["c_node"], tensor = "c", op_type = "Conv", placement = "native", groups = 4 : i64, strides = array<i64: 3, 3>, pads = array<i64: 1, 2, 3, 2>, dilations = array<i64: 2, 3>} : tensor<1x4x5x6xf32>, tensor<4x1x2x2xf32> -> tensor<1x4x3x3xf32>
// CHECK-NEXT:    func.return %c : tensor<1x4x3x3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x4x5x6xf32>) -> (tensor<1x4x3x3xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["c"]} {
    %wg = onnx.Initializer "wg" : tensor<4x1x2x2xf32>
    %c = onnx.Conv(%x, %wg) {dilations = [2, 3], group = 4, pads = [1, 2, 3, 1], strides = [3, 3]} "c_node" -> "c" : (tensor<1x4x5x6xf32>, tensor<4x1x2x2xf32>) -> tensor<1x4x3x3xf32>
    func.return %c : tensor<1x4x3x3xf32>
  }
}

// -----

// auto_pad becomes pads: the odd one at the end, at the begin, none.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "wg" {source = "wg"} : tensor<4x1x2x2xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %0 {nodes = ["c_node"], tensor = "c", op_type = "Conv", placement = "native", groups = 4 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x4x5x5xf32>, tensor<4x1x2x2xf32> -> tensor<1x4x5x5xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "wg" {source = "wg"} : tensor<4x1x2x2xf32>
// CHECK-NEXT:    %d = sparse_tensor.conv2d %x, %1 {nodes = ["d_node"], tensor = "d", op_type = "Conv", placement = "native", groups = 4 : i64, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x5x5xf32>, tensor<4x1x2x2xf32> -> tensor<1x4x5x5xf32>
// CHECK-NEXT:    %2 = sparse_tensor.weight "wg" {source = "wg"} : tensor<4x1x2x2xf32>
// CHECK-NEXT:    %e = sparse_tensor.conv2d %x, %2 {nodes = ["e_node"], tensor = "e", op_type = "Conv", placement = "native", groups = 4 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x4x5x5xf32>, tensor<4x1x2x2xf32> -> tensor<1x4x4x4xf32>
// CHECK-NEXT:    func.return %c, %d, %e : tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<1x4x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x4x5x5xf32>) -> (tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<1x4x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["c", "d", "e"]} {
    %wg = onnx.Initializer "wg" : tensor<4x1x2x2xf32>
    %c = onnx.Conv(%x, %wg) {auto_pad = "SAME_UPPER", group = 4} "c_node" -> "c" : (tensor<1x4x5x5xf32>, tensor<4x1x2x2xf32>) -> tensor<1x4x5x5xf32>
    %d = onnx.Conv(%x, %wg) {auto_pad = "SAME_LOWER", group = 4} "d_node" -> "d" : (tensor<1x4x5x5xf32>, tensor<4x1x2x2xf32>) -> tensor<1x4x5x5xf32>
    %e = onnx.Conv(%x, %wg) {auto_pad = "VALID", group = 4} "e_node" -> "e" : (tensor<1x4x5x5xf32>, tensor<4x1x2x2xf32>) -> tensor<1x4x4x4xf32>
    func.return %c, %d, %e : tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>, tensor<1x4x4x4xf32>
  }
}

// -----

// What a convolution on the array cannot be: one-dimensional, of computed weights or bias, beyond the limits.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x1) {nodes = ["c_node"], tensors = ["c"], op_type = "Conv", reason = "it has 1 spatial dimensions, not 2"} : (tensor<1x2x8xf32>) -> tensor<1x2x6xf32>
// CHECK-NEXT:    %d = sparse_tensor.host_call "d.fragment"(%x, %u) {nodes = ["d_node"], tensors = ["d"], op_type = "Conv", reason = "its weight tensor is computed at run time"} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %e = sparse_tensor.host_call "e.fragment"(%x, %v) {nodes = ["e_node"], tensors = ["e"], op_type = "Conv", reason = "its bias is computed at run time"} : (tensor<1x2x4x4xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %f = sparse_tensor.host_call "f.fragment"(%xw) {nodes = ["f_node"], tensors = ["f"], op_type = "Conv", reason = "spots requires: The kernel has at most 63 rows and 63 columns"} : (tensor<1x2x4x80xf32>) -> tensor<1x1x4x17xf32>
// CHECK-NEXT:    %g = sparse_tensor.host_call "g.fragment"(%xw) {nodes = ["g_node"], tensors = ["g"], op_type = "Conv", reason = "spots requires: Strides and dilations are at most 15"} : (tensor<1x2x4x80xf32>) -> tensor<1x2x4x5xf32>
// CHECK-NEXT:    %h = sparse_tensor.host_call "h.fragment"(%xw) {nodes = ["h_node"], tensors = ["h"], op_type = "Conv", reason = "spots requires: At most 31 rows of padding at the top and 31 columns at the left"} : (tensor<1x2x4x80xf32>) -> tensor<1x2x36x80xf32>
// CHECK-NEXT:    func.return %c, %d, %e, %f, %g, %h : tensor<1x2x6xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x1x4x17xf32>, tensor<1x2x4x5xf32>, tensor<1x2x36x80xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %x1: tensor<1x2x8xf32>, %xw: tensor<1x2x4x80xf32>, %u: tensor<2x2x1x1xf32>, %v: tensor<2xf32>) -> (tensor<1x2x6xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x1x4x17xf32>, tensor<1x2x4x5xf32>, tensor<1x2x36x80xf32>) attributes {onnx.inputs = ["x", "x1", "xw", "u", "v"], onnx.outputs = ["c", "d", "e", "f", "g", "h"]} {
    %w1d = onnx.Initializer "w1d" : tensor<2x2x3xf32>
    %c = onnx.Conv(%x1, %w1d) "c_node" -> "c" : (tensor<1x2x8xf32>, tensor<2x2x3xf32>) -> tensor<1x2x6xf32>
    %d = onnx.Conv(%x, %u) "d_node" -> "d" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %w = onnx.Initializer "w" : tensor<2x2x1x1xf32>
    %e = onnx.Conv(%x, %w, %v) "e_node" -> "e" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    %w64 = onnx.Initializer "w64" : tensor<1x2x1x64xf32>
    %f = onnx.Conv(%xw, %w64) "f_node" -> "f" : (tensor<1x2x4x80xf32>, tensor<1x2x1x64xf32>) -> tensor<1x1x4x17xf32>
    %g = onnx.Conv(%xw, %w) {strides = [1, 16]} "g_node" -> "g" : (tensor<1x2x4x80xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x5xf32>
    %h = onnx.Conv(%xw, %w) {pads = [32, 0, 0, 0]} "h_node" -> "h" : (tensor<1x2x4x80xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x36x80xf32>
    func.return %c, %d, %e, %f, %g, %h : tensor<1x2x6xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x1x4x17xf32>, tensor<1x2x4x5xf32>, tensor<1x2x36x80xf32>
  }
}

// -----

// Gemm: B stored [K, C] is taken as it is, otherwise transposed and scaled; C is spread over the outputs.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "m" {source = "m"} : tensor<3x2xf32>
// CHECK-NEXT:    %g = sparse_tensor.matmul %a, %0 {nodes = ["g_node"], tensor = "g", op_type = "Gemm", placement = "native"} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "mt.layer" {source = "mt", transposed = true} : tensor<3x2xf32>
// CHECK-NEXT:    %2 = sparse_tensor.weight "c3.layer" {source = "c3"} : tensor<3xf32>
// CHECK-NEXT:    %h = sparse_tensor.matmul %a, %1 bias %2 : tensor<3xf32> {nodes = ["h_node"], tensor = "h", op_type = "Gemm", placement = "native"} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
// CHECK-NEXT:    %3 = sparse_tensor.weight "m" {source = "m"} : tensor<3x2xf32>
// CHECK-NEXT:    %4 = sparse_tensor.weight "one.layer" {source = "one"} : tensor<3xf32>
// CHECK-NEXT:    %i = sparse_tensor.matmul %a, %3 bias %4 : tensor<3xf32> {nodes = ["i_node"], tensor = "i", op_type = "Gemm", placement = "native"} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
// CHECK-NEXT:    %5 = sparse_tensor.weight "m" {source = "m"} : tensor<3x2xf32>
// CHECK-NEXT:    %6 = sparse_tensor.weight "c13.layer" {source = "c13"} : tensor<3xf32>
// CHECK-NEXT:    %j = sparse_tensor.matmul %a, %5 bias %6 : tensor<3xf32> {nodes = ["j_node"], tensor = "j", op_type = "Gemm", placement = "native"} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
// CHECK-NEXT:    func.return %g, %h, %i, %j : tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%a: tensor<4x2xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>) attributes {onnx.inputs = ["a"], onnx.outputs = ["g", "h", "i", "j"]} {
    %m = onnx.Initializer "m" : tensor<3x2xf32>
    %g = onnx.Gemm(%a, %m) {transB = 1} "g_node" -> "g" : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
    %mt = onnx.Initializer "mt" : tensor<2x3xf32>
    %c3 = onnx.Initializer "c3" : tensor<3xf32>
    %h = onnx.Gemm(%a, %mt, %c3) {alpha = 0.5, beta = 2.0} "h_node" -> "h" : (tensor<4x2xf32>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
    %one = onnx.Initializer "one" : tensor<1xf32>
    %i = onnx.Gemm(%a, %m, %one) {transB = 1} "i_node" -> "i" : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<1xf32>) -> tensor<4x3xf32>
    %c13 = onnx.Initializer "c13" : tensor<1x3xf32>
    %j = onnx.Gemm(%a, %m, %c13) {transB = 1} "j_node" -> "j" : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<1x3xf32>) -> tensor<4x3xf32>
    func.return %g, %h, %i, %j : tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>
  }
}

// -----

// What a Gemm on the array cannot be.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %g = sparse_tensor.host_call "g.fragment"(%at) {nodes = ["g_node"], tensors = ["g"], op_type = "Gemm", reason = "its A is transposed"} : (tensor<2x4xf32>) -> tensor<4x3xf32>
// CHECK-NEXT:    %h = sparse_tensor.host_call "h.fragment"(%a, %u) {nodes = ["h_node"], tensors = ["h"], op_type = "Gemm", reason = "its B is computed at run time"} : (tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:    %i = sparse_tensor.host_call "i.fragment"(%a, %v) {nodes = ["i_node"], tensors = ["i"], op_type = "Gemm", reason = "its C is computed at run time"} : (tensor<2x2xf32>, tensor<3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:    %j = sparse_tensor.host_call "j.fragment"(%a) {nodes = ["j_node"], tensors = ["j"], op_type = "Gemm", reason = "its C of shape (2, 3) is not one value per output"} : (tensor<2x2xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:    func.return %g, %h, %i, %j : tensor<4x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%a: tensor<2x2xf32>, %at: tensor<2x4xf32>, %u: tensor<3x2xf32>, %v: tensor<3xf32>) -> (tensor<4x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) attributes {onnx.inputs = ["a", "at", "u", "v"], onnx.outputs = ["g", "h", "i", "j"]} {
    %m = onnx.Initializer "m" : tensor<3x2xf32>
    %g = onnx.Gemm(%at, %m) {transA = 1, transB = 1} "g_node" -> "g" : (tensor<2x4xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
    %h = onnx.Gemm(%a, %u) {transB = 1} "h_node" -> "h" : (tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<2x3xf32>
    %i = onnx.Gemm(%a, %m, %v) {transB = 1} "i_node" -> "i" : (tensor<2x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %c23 = onnx.Initializer "c23" : tensor<2x3xf32>
    %j = onnx.Gemm(%a, %m, %c23) {transB = 1} "j_node" -> "j" : (tensor<2x2xf32>, tensor<3x2xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    func.return %g, %h, %i, %j : tensor<4x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
  }
}

// -----

// MatMul flattens all but the last axis and views the product in its own shape.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "mt.layer" {source = "mt", transposed = true} : tensor<3x2xf32>
// CHECK-NEXT:    %g = sparse_tensor.matmul %a, %0 {nodes = ["g_node"], tensor = "g", op_type = "MatMul", placement = "native"} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
// CHECK-NEXT:    %1 = sparse_tensor.reshape %a3 {nodes = ["h_node"], tensor = "", op_type = "MatMul", placement = "native"} : (tensor<2x5x2xf32>) -> tensor<10x2xf32>
// CHECK-NEXT:    %2 = sparse_tensor.weight "mt.layer.1" {source = "mt", transposed = true} : tensor<3x2xf32>
// CHECK-NEXT:    %3 = sparse_tensor.matmul %1, %2 {nodes = ["h_node"], tensor = "h", op_type = "MatMul", placement = "native"} : tensor<10x2xf32>, tensor<3x2xf32> -> tensor<10x3xf32>
// CHECK-NEXT:    %h = sparse_tensor.reshape %3 {nodes = ["h_node"], tensor = "h", op_type = "MatMul", placement = "native"} : (tensor<10x3xf32>) -> tensor<2x5x3xf32>
// CHECK-NEXT:    func.return %g, %h : tensor<4x3xf32>, tensor<2x5x3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%a: tensor<4x2xf32>, %a3: tensor<2x5x2xf32>) -> (tensor<4x3xf32>, tensor<2x5x3xf32>) attributes {onnx.inputs = ["a", "a3"], onnx.outputs = ["g", "h"]} {
    %mt = onnx.Initializer "mt" : tensor<2x3xf32>
    %g = onnx.MatMul(%a, %mt) "g_node" -> "g" : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
    %h = onnx.MatMul(%a3, %mt) "h_node" -> "h" : (tensor<2x5x2xf32>, tensor<2x3xf32>) -> tensor<2x5x3xf32>
    func.return %g, %h : tensor<4x3xf32>, tensor<2x5x3xf32>
  }
}

// -----

// What a MatMul on the array cannot be.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %g = sparse_tensor.host_call "g.fragment"(%a, %u) {nodes = ["g_node"], tensors = ["g"], op_type = "MatMul", reason = "its second operand is computed at run time"} : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
// CHECK-NEXT:    %h = sparse_tensor.host_call "h.fragment"(%a) {nodes = ["h_node"], tensors = ["h"], op_type = "MatMul", reason = "it multiplies ranks 2 and 3"} : (tensor<4x2xf32>) -> tensor<1x4x3xf32>
// CHECK-NEXT:    %i = sparse_tensor.host_call "i.fragment"(%a1) {nodes = ["i_node"], tensors = ["i"], op_type = "MatMul", reason = "it multiplies ranks 1 and 2"} : (tensor<2xf32>) -> tensor<3xf32>
// CHECK-NEXT:    func.return %g, %h, %i : tensor<4x3xf32>, tensor<1x4x3xf32>, tensor<3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%a: tensor<4x2xf32>, %u: tensor<2x3xf32>, %a1: tensor<2xf32>) -> (tensor<4x3xf32>, tensor<1x4x3xf32>, tensor<3xf32>) attributes {onnx.inputs = ["a", "u", "a1"], onnx.outputs = ["g", "h", "i"]} {
    %g = onnx.MatMul(%a, %u) "g_node" -> "g" : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
    %m3 = onnx.Initializer "m3" : tensor<1x2x3xf32>
    %h = onnx.MatMul(%a, %m3) "h_node" -> "h" : (tensor<4x2xf32>, tensor<1x2x3xf32>) -> tensor<1x4x3xf32>
    %mt = onnx.Initializer "mt" : tensor<2x3xf32>
    %i = onnx.MatMul(%a1, %mt) "i_node" -> "i" : (tensor<2xf32>, tensor<2x3xf32>) -> tensor<3xf32>
    func.return %g, %h, %i : tensor<4x3xf32>, tensor<1x4x3xf32>, tensor<3xf32>
  }
}

// -----

// Pools; the end pads make the output's size exact where ceil_mode or auto_pad say so.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.pool %x {nodes = ["a_node"], tensor = "a", op_type = "MaxPool", placement = "native", kind = "max", kernel = array<i64: 2, 2>, include_pad = false, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x2x2xf32>
// CHECK-NEXT:    %b = sparse_tensor.pool %x {nodes = ["b_node"], tensor = "b", op_type = "MaxPool", placement = "native", kind = "max", kernel = array<i64: 2, 2>, include_pad = false, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x3x2xf32>
// CHECK-NEXT:    %c = sparse_tensor.pool %x {nodes = ["c_node"], tensor = "c", op_type = "AveragePool", placement = "native", kind = "average", kernel = array<i64: 3, 3>, include_pad = true, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x5x4xf32>
// CHECK-NEXT:    %d = sparse_tensor.pool %x {nodes = ["d_node"], tensor = "d", op_type = "AveragePool", placement = "native", kind = "average", kernel = array<i64: 2, 2>, include_pad = false, strides = array<i64: 2, 2>, pads = array<i64: 1, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x3x2xf32>
// CHECK-NEXT:    %e = sparse_tensor.pool %x {nodes = ["e_node"], tensor = "e", op_type = "GlobalMaxPool", placement = "native", kind = "max", kernel = array<i64: 5, 4>, include_pad = false, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    %f = sparse_tensor.pool %x {nodes = ["f_node"], tensor = "f", op_type = "GlobalAveragePool", placement = "native", kind = "average", kernel = array<i64: 5, 4>, include_pad = false, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    func.return %a, %b, %c, %d, %e, %f : tensor<1x2x2x2xf32>, tensor<1x2x3x2xf32>, tensor<1x2x5x4xf32>, tensor<1x2x3x2xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x5x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x3x2xf32>, tensor<1x2x5x4xf32>, tensor<1x2x3x2xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["a", "b", "c", "d", "e", "f"]} {
    %a = onnx.MaxPool(%x) {kernel_shape = [2, 2], strides = [2, 2]} "a_node" -> "a" : (tensor<1x2x5x4xf32>) -> tensor<1x2x2x2xf32>
    %b = onnx.MaxPool(%x) {ceil_mode = 1, kernel_shape = [2, 2], strides = [2, 2]} "b_node" -> "b" : (tensor<1x2x5x4xf32>) -> tensor<1x2x3x2xf32>
    %c = onnx.AveragePool(%x) {count_include_pad = 1, kernel_shape = [3, 3], pads = [1, 1, 1, 1]} "c_node" -> "c" : (tensor<1x2x5x4xf32>) -> tensor<1x2x5x4xf32>
    %d = onnx.AveragePool(%x) {auto_pad = "SAME_LOWER", kernel_shape = [2, 2], strides = [2, 2]} "d_node" -> "d" : (tensor<1x2x5x4xf32>) -> tensor<1x2x3x2xf32>
    %e = onnx.GlobalMaxPool(%x) "e_node" -> "e" : (tensor<1x2x5x4xf32>) -> tensor<1x2x1x1xf32>
    %f = onnx.GlobalAveragePool(%x) "f_node" -> "f" : (tensor<1x2x5x4xf32>) -> tensor<1x2x1x1xf32>
    func.return %a, %b, %c, %d, %e, %f : tensor<1x2x2x2xf32>, tensor<1x2x3x2xf32>, tensor<1x2x5x4xf32>, tensor<1x2x3x2xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>
  }
}

// -----

// What a pool on the array cannot be.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a, %i = sparse_tensor.host_call "a.fragment"(%x) {nodes = ["a_node"], tensors = ["a", "i"], op_type = "MaxPool", reason = "its indices output is used"} : (tensor<1x2x5x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>)
// CHECK-NEXT:    %b = sparse_tensor.host_call "b.fragment"(%x1) {nodes = ["b_node"], tensors = ["b"], op_type = "MaxPool", reason = "it has 1 spatial dimensions, not 2"} : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x) {nodes = ["c_node"], tensors = ["c"], op_type = "AveragePool", reason = "ceil_mode with count_include_pad divides by windows cut at the edge"} : (tensor<1x2x5x4xf32>) -> tensor<1x2x3x2xf32>
// CHECK-NEXT:    %d = sparse_tensor.pool %x {nodes = ["d_node"], tensor = "d", op_type = "MaxPool", placement = "native", kind = "max", kernel = array<i64: 2, 1>, include_pad = false, strides = array<i64: 1, 1>, pads = array<i64: 4, 0, 1, 0>, dilations = array<i64: 4, 1>} : tensor<1x2x5x4xf32> -> tensor<1x2x6x4xf32>
// CHECK-NEXT:    %h = sparse_tensor.host_call "h.fragment"(%x) {nodes = ["h_node"], tensors = ["h"], op_type = "MaxPool", reason = "one of its windows lies wholly in the padding"} : (tensor<1x2x5x4xf32>) -> tensor<1x2x11x4xf32>
// CHECK-NEXT:    %e = sparse_tensor.host_call "e.fragment"(%xl) {nodes = ["e_node"], tensors = ["e"], op_type = "GlobalMaxPool", reason = "spots requires: The kernel has at most 63 rows and 63 columns"} : (tensor<1x2x1x64xf32>) -> tensor<1x2x1x1xf32>
// CHECK-NEXT:    %f = sparse_tensor.host_call "f.fragment"(%x1) {nodes = ["f_node"], tensors = ["f"], op_type = "GlobalMaxPool", reason = "it has 1 spatial dimensions, not 2"} : (tensor<1x2x8xf32>) -> tensor<1x2x1xf32>
// CHECK-NEXT:    func.return %a, %i, %b, %c, %d, %h, %e, %f : tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>, tensor<1x2x4xf32>, tensor<1x2x3x2xf32>, tensor<1x2x6x4xf32>, tensor<1x2x11x4xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x5x4xf32>, %x1: tensor<1x2x8xf32>, %xl: tensor<1x2x1x64xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>, tensor<1x2x4xf32>, tensor<1x2x3x2xf32>, tensor<1x2x6x4xf32>, tensor<1x2x11x4xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1xf32>) attributes {onnx.inputs = ["x", "x1", "xl"], onnx.outputs = ["a", "i", "b", "c", "d", "h", "e", "f"]} {
    %a, %i = onnx.MaxPool(%x) {kernel_shape = [2, 2], strides = [2, 2]} "a_node" -> "a", "i" : (tensor<1x2x5x4xf32>) -> (tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>)
    %b = onnx.MaxPool(%x1) {kernel_shape = [2], strides = [2]} "b_node" -> "b" : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>
    %c = onnx.AveragePool(%x) {ceil_mode = 1, count_include_pad = 1, kernel_shape = [2, 2], strides = [2, 2]} "c_node" -> "c" : (tensor<1x2x5x4xf32>) -> tensor<1x2x3x2xf32>
    %d = onnx.MaxPool(%x) {dilations = [4, 1], kernel_shape = [2, 1], pads = [4, 0, 1, 0]} "d_node" -> "d" : (tensor<1x2x5x4xf32>) -> tensor<1x2x6x4xf32>
    %h = onnx.MaxPool(%x) {dilations = [4, 1], kernel_shape = [2, 1], pads = [6, 0, 4, 0]} "h_node" -> "h" : (tensor<1x2x5x4xf32>) -> tensor<1x2x11x4xf32>
    %e = onnx.GlobalMaxPool(%xl) "e_node" -> "e" : (tensor<1x2x1x64xf32>) -> tensor<1x2x1x1xf32>
    %f = onnx.GlobalMaxPool(%x1) "f_node" -> "f" : (tensor<1x2x8xf32>) -> tensor<1x2x1xf32>
    func.return %a, %i, %b, %c, %d, %h, %e, %f : tensor<1x2x2x2xf32>, tensor<1x2x2x2xi64>, tensor<1x2x4xf32>, tensor<1x2x3x2xf32>, tensor<1x2x6x4xf32>, tensor<1x2x11x4xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1xf32>
  }
}

// -----

// Relu and Clip; a bound that is absent is infinite.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %r = sparse_tensor.elementwise %x {nodes = ["r_node"], tensor = "r", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3xf32> -> tensor<2x3xf32>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %x {nodes = ["c_node"], tensor = "c", op_type = "Clip", placement = "native", clip = [0.000000e+00 : f64, 6.000000e+00 : f64]} : tensor<2x3xf32> -> tensor<2x3xf32>
// CHECK-NEXT:    %d = sparse_tensor.elementwise %x {nodes = ["d_node"], tensor = "d", op_type = "Clip", placement = "native", clip = [0xfff0000000000000 : f64, 6.000000e+00 : f64]} : tensor<2x3xf32> -> tensor<2x3xf32>
// CHECK-NEXT:    %e = sparse_tensor.elementwise %x {nodes = ["e_node"], tensor = "e", op_type = "Clip", placement = "native", clip = [0xfff0000000000000 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3xf32> -> tensor<2x3xf32>
// CHECK-NEXT:    func.return %r, %c, %d, %e : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["r", "c", "d", "e"]} {
    %r = onnx.Relu(%x) "r_node" -> "r" : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %zero = onnx.Initializer "zero" : tensor<f32>
    %six = onnx.Initializer "six" : tensor<f32>
    %c = onnx.Clip(%x, %zero, %six) "c_node" -> "c" : (tensor<2x3xf32>, tensor<f32>, tensor<f32>) -> tensor<2x3xf32>
    %none = onnx.NoValue : none
    %d = onnx.Clip(%x, %none, %six) "d_node" -> "d" : (tensor<2x3xf32>, none, tensor<f32>) -> tensor<2x3xf32>
    %e = onnx.Clip(%x) "e_node" -> "e" : (tensor<2x3xf32>) -> tensor<2x3xf32>
    func.return %r, %c, %d, %e : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
  }
}

// -----

// What a Clip on the PPU cannot be.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x, %v) {nodes = ["c_node"], tensors = ["c"], op_type = "Clip", reason = "its lower bound is computed at run time"} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
// CHECK-NEXT:    %d = sparse_tensor.host_call "d.fragment"(%x) {nodes = ["d_node"], tensors = ["d"], op_type = "Clip", reason = "its bounds 6.0 and 0.0 are the wrong way round"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:    func.return %c, %d : tensor<2x3xf32>, tensor<2x3xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<2x3xf32>, %v: tensor<f32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["c", "d"]} {
    %c = onnx.Clip(%x, %v) "c_node" -> "c" : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
    %six = onnx.Initializer "six" : tensor<f32>
    %zero = onnx.Initializer "zero" : tensor<f32>
    %d = onnx.Clip(%x, %six, %zero) "d_node" -> "d" : (tensor<2x3xf32>, tensor<f32>, tensor<f32>) -> tensor<2x3xf32>
    func.return %c, %d : tensor<2x3xf32>, tensor<2x3xf32>
  }
}

// -----

// BatchNormalization becomes scale and shift: scale / sqrt(variance + epsilon), bias - mean * that.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "y.scale" : tensor<2xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "y.shift" : tensor<2xf32>
// CHECK-NEXT:    %y = sparse_tensor.affine %x, %0, %1 {nodes = ["y_node"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %y : tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %s2 = onnx.Initializer "s2" : tensor<2xf32>
    %b = onnx.Initializer "b" : tensor<2xf32>
    %n2 = onnx.Initializer "n2" : tensor<2xf32>
    %v2 = onnx.Initializer "v2" : tensor<2xf32>
    %y = onnx.BatchNormalization(%x, %s2, %b, %n2, %v2) {epsilon = 0.0} "y_node" -> "y" : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    func.return %y : tensor<1x2x4x4xf32>
  }
}

// -----

// BatchNormalization in training, or with computed statistics, is the host's.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %y, %m1, %v1 = sparse_tensor.host_call "y.fragment"(%x) {nodes = ["y_node"], tensors = ["y", "m1", "v1"], op_type = "BatchNormalization", reason = "it is in training mode"} : (tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>)
// CHECK-NEXT:    %z = sparse_tensor.host_call "z.fragment"(%x, %v) {nodes = ["z_node"], tensors = ["z"], op_type = "BatchNormalization", reason = "its mean is computed at run time"} : (tensor<1x2x4x4xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %y, %m1, %v1, %z : tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %v: tensor<2xf32>) -> (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "m1", "v1", "z"]} {
    %s2 = onnx.Initializer "s2" : tensor<2xf32>
    %b = onnx.Initializer "b" : tensor<2xf32>
    %n2 = onnx.Initializer "n2" : tensor<2xf32>
    %v2 = onnx.Initializer "v2" : tensor<2xf32>
    %y, %m1, %v1 = onnx.BatchNormalization(%x, %s2, %b, %n2, %v2) {training_mode = 1} "y_node" -> "y", "m1", "v1" : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>)
    %z = onnx.BatchNormalization(%x, %s2, %b, %v, %v2) "z_node" -> "z" : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    func.return %y, %m1, %v1, %z : tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Arithmetic with a constant per channel, on either side, is scale and shift.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "a.scale" : tensor<2xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "a.shift" : tensor<2xf32>
// CHECK-NEXT:    %a = sparse_tensor.affine %x, %0, %1 {nodes = ["a_node"], tensor = "a", op_type = "Add", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %2 = sparse_tensor.weight "b2.scale" : tensor<2xf32>
// CHECK-NEXT:    %3 = sparse_tensor.weight "b2.shift" : tensor<2xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.affine %x, %2, %3 {nodes = ["b2_node"], tensor = "b2", op_type = "Sub", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %4 = sparse_tensor.weight "c.scale" : tensor<2xf32>
// CHECK-NEXT:    %5 = sparse_tensor.weight "c.shift" : tensor<2xf32>
// CHECK-NEXT:    %c = sparse_tensor.affine %x, %4, %5 {nodes = ["c_node"], tensor = "c", op_type = "Sub", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %6 = sparse_tensor.weight "d.scale" : tensor<2xf32>
// CHECK-NEXT:    %7 = sparse_tensor.weight "d.shift" : tensor<2xf32>
// CHECK-NEXT:    %d = sparse_tensor.affine %x, %6, %7 {nodes = ["d_node"], tensor = "d", op_type = "Mul", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %8 = sparse_tensor.weight "e.scale" : tensor<2xf32>
// CHECK-NEXT:    %9 = sparse_tensor.weight "e.shift" : tensor<2xf32>
// CHECK-NEXT:    %e = sparse_tensor.affine %x, %8, %9 {nodes = ["e_node"], tensor = "e", op_type = "Div", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %10 = sparse_tensor.weight "f.scale" : tensor<2xf32>
// CHECK-NEXT:    %11 = sparse_tensor.weight "f.shift" : tensor<2xf32>
// CHECK-NEXT:    %f = sparse_tensor.affine %x, %10, %11 {nodes = ["f_node"], tensor = "f", op_type = "Sum", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %a, %b2, %c, %d, %e, %f : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["a", "b2", "c", "d", "e", "f"]} {
    %c211 = onnx.Initializer "c211" : tensor<2x1x1xf32>
    %a = onnx.Add(%x, %c211) "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %c111 = onnx.Initializer "c111" : tensor<1x1x1xf32>
    %b2 = onnx.Sub(%x, %c111) "b2_node" -> "b2" : (tensor<1x2x4x4xf32>, tensor<1x1x1xf32>) -> tensor<1x2x4x4xf32>
    %c = onnx.Sub(%c111, %x) "c_node" -> "c" : (tensor<1x1x1xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %d = onnx.Mul(%c211, %x) "d_node" -> "d" : (tensor<2x1x1xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %e = onnx.Div(%x, %c211) "e_node" -> "e" : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %f = onnx.Sum(%x, %c211) "f_node" -> "f" : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
    func.return %a, %b2, %c, %d, %e, %f : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Sums of tensors of one shape: one add for each further operand.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.elementwise %x residual %y : tensor<1x2x4x4xf32> {nodes = ["a_node"], tensor = "a", op_type = "Add", placement = "native"} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %0 = sparse_tensor.elementwise %x residual %y : tensor<1x2x4x4xf32> {nodes = ["b2_node"], tensor = "", op_type = "Sum", placement = "native"} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.elementwise %0 residual %a : tensor<1x2x4x4xf32> {nodes = ["b2_node"], tensor = "b2", op_type = "Sum", placement = "native"} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %c = sparse_tensor.elementwise %x {nodes = ["c_node"], tensor = "c", op_type = "Sum", placement = "native"} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %a, %b2, %c : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %y: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x", "y"], onnx.outputs = ["a", "b2", "c"]} {
    %a = onnx.Add(%x, %y) "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %b2 = onnx.Sum(%x, %y, %a) "b2_node" -> "b2" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %c = onnx.Sum(%x) "c_node" -> "c" : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    func.return %a, %b2, %c : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Arithmetic that is no scale and shift, and no sum of equal shapes.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.host_call "a.fragment"(%x, %y) {nodes = ["a_node"], tensors = ["a"], op_type = "Mul", reason = "both its operands are computed at run time"} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.host_call "b2.fragment"(%x, %r) {nodes = ["b2_node"], tensors = ["b2"], op_type = "Add", reason = "its operands have different shapes"} : (tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x) {nodes = ["c_node"], tensors = ["c"], op_type = "Add", reason = "its constant operand differs within a channel"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %d = sparse_tensor.host_call "d.fragment"(%x) {nodes = ["d_node"], tensors = ["d"], op_type = "Div", reason = "it divides by a computed value or by zero"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %e = sparse_tensor.host_call "e.fragment"(%x) {nodes = ["e_node"], tensors = ["e"], op_type = "Div", reason = "it divides by a computed value or by zero"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %f = sparse_tensor.host_call "f.fragment"(%s) {nodes = ["f_node"], tensors = ["f"], op_type = "Mul", reason = "its constant operand changes the shape"} : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT:    %g = sparse_tensor.host_call "g.fragment"(%r) {nodes = ["g_node"], tensors = ["g"], op_type = "Add", reason = "its constant operand changes the shape"} : (tensor<1x2x1x1xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %h = sparse_tensor.host_call "h.fragment"(%x, %y) {nodes = ["h_node"], tensors = ["h"], op_type = "Sum", reason = "its operands have different shapes"} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %a, %b2, %c, %d, %e, %f, %g, %h : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %y: tensor<1x2x4x4xf32>, %r: tensor<1x2x1x1xf32>, %s: tensor<4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x", "y", "r", "s"], onnx.outputs = ["a", "b2", "c", "d", "e", "f", "g", "h"]} {
    %a = onnx.Mul(%x, %y) "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %b2 = onnx.Add(%x, %r) "b2_node" -> "b2" : (tensor<1x2x4x4xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %c4 = onnx.Initializer "c4" : tensor<4xf32>
    %c = onnx.Add(%x, %c4) "c_node" -> "c" : (tensor<1x2x4x4xf32>, tensor<4xf32>) -> tensor<1x2x4x4xf32>
    %c211 = onnx.Initializer "c211" : tensor<2x1x1xf32>
    %d = onnx.Div(%c211, %x) "d_node" -> "d" : (tensor<2x1x1xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %nil211 = onnx.Initializer "nil211" : tensor<2x1x1xf32>
    %e = onnx.Div(%x, %nil211) "e_node" -> "e" : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %f = onnx.Mul(%s, %c4) "f_node" -> "f" : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %x22 = onnx.Initializer "x22" : tensor<1x2x4x4xf32>
    %g = onnx.Add(%r, %x22) "g_node" -> "g" : (tensor<1x2x1x1xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %h = onnx.Sum(%x, %y, %c211) "h_node" -> "h" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
    func.return %a, %b2, %c, %d, %e, %f, %g, %h : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Concat along the channels; of a single operand it is a view.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.concat %x, %y {nodes = ["a_node"], tensor = "a", op_type = "Concat", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<1x3x4x4xf32>) -> tensor<1x5x4x4xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.concat %x, %x {nodes = ["b2_node"], tensor = "b2", op_type = "Concat", placement = "native"} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
// CHECK-NEXT:    %c = sparse_tensor.reshape %x {nodes = ["c_node"], tensor = "c", op_type = "Concat", placement = "native"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %a, %b2, %c : tensor<1x5x4x4xf32>, tensor<1x4x4x4xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %y: tensor<1x3x4x4xf32>) -> (tensor<1x5x4x4xf32>, tensor<1x4x4x4xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x", "y"], onnx.outputs = ["a", "b2", "c"]} {
    %a = onnx.Concat(%x, %y) {axis = 1} "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<1x3x4x4xf32>) -> tensor<1x5x4x4xf32>
    %b2 = onnx.Concat(%x, %x) {axis = -3} "b2_node" -> "b2" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
    %c = onnx.Concat(%x) {axis = 1} "c_node" -> "c" : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    func.return %a, %b2, %c : tensor<1x5x4x4xf32>, tensor<1x4x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Concat that is not by address.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.host_call "a.fragment"(%x, %y) {nodes = ["a_node"], tensors = ["a"], op_type = "Concat", reason = "it is not along the channels (axis 1)"} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<2x2x4x4xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.host_call "b2.fragment"(%x) {nodes = ["b2_node"], tensors = ["b2"], op_type = "Concat", reason = "one of its operands is a constant"} : (tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x, %y) {nodes = ["c_node"], tensors = ["c"], op_type = "Concat", reason = "it is not along the channels (axis 1)"} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x8xf32>
// CHECK-NEXT:    func.return %a, %b2, %c : tensor<2x2x4x4xf32>, tensor<1x4x4x4xf32>, tensor<1x2x4x8xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %y: tensor<1x2x4x4xf32>) -> (tensor<2x2x4x4xf32>, tensor<1x4x4x4xf32>, tensor<1x2x4x8xf32>) attributes {onnx.inputs = ["x", "y"], onnx.outputs = ["a", "b2", "c"]} {
    %a = onnx.Concat(%x, %y) {axis = 0} "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<2x2x4x4xf32>
    %x22 = onnx.Initializer "x22" : tensor<1x2x4x4xf32>
    %b2 = onnx.Concat(%x, %x22) {axis = 1} "b2_node" -> "b2" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
    %c = onnx.Concat(%x, %y) {axis = -1} "c_node" -> "c" : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x8xf32>
    func.return %a, %b2, %c : tensor<2x2x4x4xf32>, tensor<1x4x4x4xf32>, tensor<1x2x4x8xf32>
  }
}

// -----

// Everything that only views the bytes is a reshape.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.reshape %x {nodes = ["a_node"], tensor = "a", op_type = "Reshape", placement = "native"} : (tensor<1x2x4x4xf32>) -> tensor<1x32xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.reshape %x {nodes = ["b2_node"], tensor = "b2", op_type = "Flatten", placement = "native"} : (tensor<1x2x4x4xf32>) -> tensor<1x32xf32>
// CHECK-NEXT:    %c = sparse_tensor.reshape %b2 {nodes = ["c_node"], tensor = "c", op_type = "Unsqueeze", placement = "native"} : (tensor<1x32xf32>) -> tensor<1x1x32xf32>
// CHECK-NEXT:    %d = sparse_tensor.reshape %c {nodes = ["d_node"], tensor = "d", op_type = "Squeeze", placement = "native"} : (tensor<1x1x32xf32>) -> tensor<1x32xf32>
// CHECK-NEXT:    %e = sparse_tensor.reshape %d {nodes = ["e_node"], tensor = "e", op_type = "Identity", placement = "native"} : (tensor<1x32xf32>) -> tensor<1x32xf32>
// CHECK-NEXT:    %f = sparse_tensor.reshape %e {nodes = ["f_node"], tensor = "f", op_type = "Dropout", placement = "native"} : (tensor<1x32xf32>) -> tensor<1x32xf32>
// CHECK-NEXT:    func.return %a, %f : tensor<1x32xf32>, tensor<1x32xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["a", "f"]} {
    %shape = onnx.Initializer "shape" : tensor<2xi64>
    %a = onnx.Reshape(%x, %shape) "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<2xi64>) -> tensor<1x32xf32>
    %b2 = onnx.Flatten(%x) "b2_node" -> "b2" : (tensor<1x2x4x4xf32>) -> tensor<1x32xf32>
    %axes = onnx.Initializer "axes" : tensor<1xi64>
    %c = onnx.Unsqueeze(%b2, %axes) "c_node" -> "c" : (tensor<1x32xf32>, tensor<1xi64>) -> tensor<1x1x32xf32>
    %d = onnx.Squeeze(%c, %axes) "d_node" -> "d" : (tensor<1x1x32xf32>, tensor<1xi64>) -> tensor<1x32xf32>
    %e = onnx.Identity(%d) "e_node" -> "e" : (tensor<1x32xf32>) -> tensor<1x32xf32>
    %f = onnx.Dropout(%e) "f_node" -> "f" : (tensor<1x32xf32>) -> tensor<1x32xf32>
    func.return %a, %f : tensor<1x32xf32>, tensor<1x32xf32>
  }
}

// -----

// A Dropout whose mask is used is the host's.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %f, %k = sparse_tensor.host_call "f.fragment"(%x) {nodes = ["f_node"], tensors = ["f", "k"], op_type = "Dropout", reason = "its second output is used"} : (tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xi1>)
// CHECK-NEXT:    func.return %f, %k : tensor<1x2x4x4xf32>, tensor<1x2x4x4xi1>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xi1>) attributes {onnx.inputs = ["x"], onnx.outputs = ["f", "k"]} {
    %f, %k = onnx.Dropout(%x) "f_node" -> "f", "k" : (tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xi1>)
    func.return %f, %k : tensor<1x2x4x4xf32>, tensor<1x2x4x4xi1>
  }
}

// -----

// The model's own quantisation. The layer equals what a DequantizeLinear makes;
// constants behind a DequantizeLinear keep their integers, a bias its value.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %xq = sparse_tensor.requantize %x {nodes = ["xq_node"], tensor = "xd", op_type = "QuantizeLinear", placement = "native", frac = 4 : i64, bits = 8 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %0 = sparse_tensor.weight "c.bias" : tensor<2xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "wi.i16" {source = "wd"} : tensor<2x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 8>>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %xq, %1 bias %0 : tensor<2xf32> {nodes = ["c_node"], tensor = "c", op_type = "Conv", placement = "native", groups = 1 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32>, tensor<2x2x1x1xi16, #sparse_tensor.encoding<dense, [], frac = 8, bits = 8>> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %cq = sparse_tensor.requantize %c {nodes = ["cq_node"], tensor = "ce", op_type = "QuantizeLinear", placement = "native", frac = 4 : i64, bits = 16 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %cq, %cq : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["cd", "ce"]} {
    %q = onnx.Initializer "q" : tensor<f32>
    %z8 = onnx.Initializer "z8" : tensor<i8>
    %xq = onnx.QuantizeLinear(%x, %q, %z8) "xq_node" -> "xq" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xi8>
    %xd = onnx.DequantizeLinear(%xq, %q, %z8) "xd_node" -> "xd" : (tensor<1x2x4x4xi8>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xf32>
    %wi = onnx.Initializer "wi" : tensor<2x2x1x1xi8>
    %q8 = onnx.Initializer "q8" : tensor<f32>
    %wd = onnx.DequantizeLinear(%wi, %q8, %z8) "wd_node" -> "wd" : (tensor<2x2x1x1xi8>, tensor<f32>, tensor<i8>) -> tensor<2x2x1x1xf32>
    %bi = onnx.Initializer "bi" : tensor<2xi32>
    %z32 = onnx.Initializer "z32" : tensor<i32>
    %bd = onnx.DequantizeLinear(%bi, %q8, %z32) "bd_node" -> "bd" : (tensor<2xi32>, tensor<f32>, tensor<i32>) -> tensor<2xf32>
    %c = onnx.Conv(%xd, %wd, %bd) "c_node" -> "c" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
    %z16 = onnx.Initializer "z16" : tensor<i16>
    %cq = onnx.QuantizeLinear(%c, %q, %z16) "cq_node" -> "cq" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i16>) -> tensor<1x2x4x4xi16>
    %cd = onnx.DequantizeLinear(%cq, %q, %z16) "cd_node" -> "cd" : (tensor<1x2x4x4xi16>, tensor<f32>, tensor<i16>) -> tensor<1x2x4x4xf32>
    %ce = onnx.DequantizeLinear(%cq, %q, %z16) "ce_node" -> "ce" : (tensor<1x2x4x4xi16>, tensor<f32>, tensor<i16>) -> tensor<1x2x4x4xf32>
    func.return %cd, %ce : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Weights that are no power of two apart, or quantised per channel, are used at their values.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %0 = sparse_tensor.weight "wd.layer" {source = "wd"} : tensor<2x2x1x1xf32>
// CHECK-NEXT:    %c = sparse_tensor.conv2d %x, %0 {nodes = ["c_node"], tensor = "c", op_type = "Conv", placement = "native", groups = 1 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %1 = sparse_tensor.weight "we.layer" {source = "we"} : tensor<2x2x1x1xf32>
// CHECK-NEXT:    %d = sparse_tensor.conv2d %x, %1 {nodes = ["d_node"], tensor = "d", op_type = "Conv", placement = "native", groups = 1 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %c, %d : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["c", "d"]} {
    %wi = onnx.Initializer "wi" : tensor<2x2x1x1xi8>
    %q3 = onnx.Initializer "q3" : tensor<f32>
    %z8 = onnx.Initializer "z8" : tensor<i8>
    %wd = onnx.DequantizeLinear(%wi, %q3, %z8) "wd_node" -> "wd" : (tensor<2x2x1x1xi8>, tensor<f32>, tensor<i8>) -> tensor<2x2x1x1xf32>
    %c = onnx.Conv(%x, %wd) "c_node" -> "c" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %qc = onnx.Initializer "qc" : tensor<2xf32>
    %zc = onnx.Initializer "zc" : tensor<2xi8>
    %we = onnx.DequantizeLinear(%wi, %qc, %zc) {axis = 0} "we_node" -> "we" : (tensor<2x2x1x1xi8>, tensor<2xf32>, tensor<2xi8>) -> tensor<2x2x1x1xf32>
    %d = onnx.Conv(%x, %we) "d_node" -> "d" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
    func.return %c, %d : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
  }
}

// -----

// Quantisation that the PPU does not have.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.host_call "a.fragment"(%x) {nodes = ["a_node"], tensors = ["a"], op_type = "QuantizeLinear", reason = "its scale 0.30000001192092896 is not a power of two"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
// CHECK-NEXT:    %ad = sparse_tensor.host_call "ad.fragment"(%a) {nodes = ["ad_node"], tensors = ["ad"], op_type = "DequantizeLinear", reason = "its integers come from outside the accelerator's layers"} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.host_call "b2.fragment"(%x) {nodes = ["b2_node"], tensors = ["b2"], op_type = "QuantizeLinear", reason = "it has scales per channel or a zero point other than 0"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
// CHECK-NEXT:    %bd2 = sparse_tensor.host_call "bd2.fragment"(%b2) {nodes = ["bd2_node"], tensors = ["bd2"], op_type = "DequantizeLinear", reason = "its integers come from outside the accelerator's layers"} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x) {nodes = ["c_node"], tensors = ["c"], op_type = "QuantizeLinear", reason = "it quantises to uint8, not int8 or int16"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xui8>
// CHECK-NEXT:    %cd = sparse_tensor.host_call "cd.fragment"(%c) {nodes = ["cd_node"], tensors = ["cd"], op_type = "DequantizeLinear", reason = "its integers come from outside the accelerator's layers"} : (tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %d = sparse_tensor.host_call "d.fragment"(%x, %v) {nodes = ["d_node"], tensors = ["d"], op_type = "QuantizeLinear", reason = "its scale is computed at run time"} : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xi8>
// CHECK-NEXT:    %dd = sparse_tensor.host_call "dd.fragment"(%d) {nodes = ["dd_node"], tensors = ["dd"], op_type = "DequantizeLinear", reason = "its integers come from outside the accelerator's layers"} : (tensor<1x2x4x4xi8>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %e = sparse_tensor.host_call "e.fragment"(%x) {nodes = ["e_node"], tensors = ["e"], op_type = "QuantizeLinear", reason = "its integers are used by something else than a DequantizeLinear of its scale"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
// CHECK-NEXT:    %f = sparse_tensor.host_call "f.fragment"(%x) {nodes = ["f_node"], tensors = ["f"], op_type = "QuantizeLinear", reason = "it has scales per channel or a zero point other than 0"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xi8>
// CHECK-NEXT:    func.return %ad, %bd2, %cd, %dd, %e, %f : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xi8>, tensor<1x2x4x4xi8>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %v: tensor<f32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xi8>, tensor<1x2x4x4xi8>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["ad", "bd2", "cd", "dd", "e", "f"]} {
    %q3 = onnx.Initializer "q3" : tensor<f32>
    %z8 = onnx.Initializer "z8" : tensor<i8>
    %a = onnx.QuantizeLinear(%x, %q3, %z8) "a_node" -> "a" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xi8>
    %ad = onnx.DequantizeLinear(%a, %q3, %z8) "ad_node" -> "ad" : (tensor<1x2x4x4xi8>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xf32>
    %q = onnx.Initializer "q" : tensor<f32>
    %z81 = onnx.Initializer "z81" : tensor<i8>
    %b2 = onnx.QuantizeLinear(%x, %q, %z81) "b2_node" -> "b2" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xi8>
    %bd2 = onnx.DequantizeLinear(%b2, %q, %z81) "bd2_node" -> "bd2" : (tensor<1x2x4x4xi8>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xf32>
    %zu8 = onnx.Initializer "zu8" : tensor<ui8>
    %c = onnx.QuantizeLinear(%x, %q, %zu8) "c_node" -> "c" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x2x4x4xui8>
    %cd = onnx.DequantizeLinear(%c, %q, %zu8) "cd_node" -> "cd" : (tensor<1x2x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x4x4xf32>
    %d = onnx.QuantizeLinear(%x, %v, %z8) "d_node" -> "d" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xi8>
    %dd = onnx.DequantizeLinear(%d, %q, %z8) "dd_node" -> "dd" : (tensor<1x2x4x4xi8>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xf32>
    %e = onnx.QuantizeLinear(%x, %q, %z8) "e_node" -> "e" : (tensor<1x2x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x4x4xi8>
    %qc = onnx.Initializer "qc" : tensor<2xf32>
    %zc = onnx.Initializer "zc" : tensor<2xi8>
    %f = onnx.QuantizeLinear(%x, %qc, %zc) {axis = 1} "f_node" -> "f" : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xi8>) -> tensor<1x2x4x4xi8>
    func.return %ad, %bd2, %cd, %dd, %e, %f : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xi8>, tensor<1x2x4x4xi8>
  }
}

// -----

// Operators without a kernel, of other domains, on other types; nodes on constants alone; constant outputs.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %c = sparse_tensor.host_call "c.fragment"(%x) {nodes = ["c_node"], tensors = ["c"], op_type = "Conv", reason = "spots has no kernel for com.example.Conv"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %a = sparse_tensor.host_call "a.fragment"(%x) {nodes = ["a_node"], tensors = ["a"], op_type = "Softmax", reason = "spots has no kernel for Softmax"} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %b2 = sparse_tensor.host_call "b2.fragment"(%n) {nodes = ["b2_node"], tensors = ["b2"], op_type = "Add", reason = "it computes in i64, not float32"} : (tensor<3xi64>) -> tensor<3xi64>
// CHECK-NEXT:    %d = sparse_tensor.host_call "d.fragment"() {nodes = ["d_node"], tensors = ["d"], op_type = "Relu", reason = "all its inputs are constants"} : () -> tensor<1xf32>
// CHECK-NEXT:    %e = sparse_tensor.host_call "e.fragment"() {nodes = ["e_node"], tensors = ["e"], op_type = "Conv", reason = "all its inputs are constants"} : () -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    %six.output = sparse_tensor.host_call "six.output.fragment"() {nodes = ["six"], tensors = ["six"], op_type = "Identity", reason = "it is a constant output"} : () -> tensor<f32>
// CHECK-NEXT:    func.return %c, %a, %b2, %d, %e, %six.output : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<3xi64>, tensor<1xf32>, tensor<1x2x4x4xf32>, tensor<f32>
builtin.module attributes {onnx.opset = 21 : i64, onnx.domains = {"com.example" = 1 : i64}, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>, %n: tensor<3xi64>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<3xi64>, tensor<1xf32>, tensor<1x2x4x4xf32>, tensor<f32>) attributes {onnx.inputs = ["x", "n"], onnx.outputs = ["c", "a", "b2", "d", "e", "six"]} {
    %c = onnx.Custom "com.example" "Conv"(%x) "c_node" -> "c" : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %a = onnx.Softmax(%x) "a_node" -> "a" : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %ki = onnx.Initializer "ki" : tensor<i64>
    %b2 = onnx.Add(%n, %ki) "b2_node" -> "b2" : (tensor<3xi64>, tensor<i64>) -> tensor<3xi64>
    %one = onnx.Initializer "one" : tensor<1xf32>
    %d = onnx.Relu(%one) "d_node" -> "d" : (tensor<1xf32>) -> tensor<1xf32>
    %x22 = onnx.Initializer "x22" : tensor<1x2x4x4xf32>
    %w = onnx.Initializer "w" : tensor<2x2x1x1xf32>
    %e = onnx.Conv(%x22, %w) "e_node" -> "e" : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
    %six = onnx.Initializer "six" : tensor<f32>
    func.return %c, %a, %b2, %d, %e, %six : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<3xi64>, tensor<1xf32>, tensor<1x2x4x4xf32>, tensor<f32>
  }
}

// -----

// A node whose result nobody uses is left out.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %b2 = sparse_tensor.elementwise %x {nodes = ["b2_node"], tensor = "b2", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT:    func.return %b2 : tensor<1x2x4x4xf32>
builtin.module attributes {onnx.opset = 21 : i64, spcc.weights = "convert_onnx_to_sparse_tensor.json"} {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x2x4x4xf32>) attributes {onnx.inputs = ["x"], onnx.outputs = ["b2"]} {
    %a = onnx.Relu(%x) "a_node" -> "a" : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %b2 = onnx.Relu(%x) "b2_node" -> "b2" : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    func.return %b2 : tensor<1x2x4x4xf32>
  }
}

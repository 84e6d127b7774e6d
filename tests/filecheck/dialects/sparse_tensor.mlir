// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s

// Every op of the dialect, with and without its optional parts, and the encoding in a type.

// CHECK-LABEL: func.func @weights(
// GENERIC-LABEL: sym_name = "weights"
func.func @weights() {
  // CHECK-NEXT: %plain = sparse_tensor.weight "w" : tensor<4x3x2x2xf32>
  // GENERIC: %plain = "sparse_tensor.weight"() <{key = "w"}> : () -> tensor<4x3x2x2xf32>
  %plain = sparse_tensor.weight "w" : tensor<4x3x2x2xf32>
  // CHECK-NEXT: %origin = sparse_tensor.weight "w.layer" {source = "w", transposed = true} : tensor<4x3xf32>
  // GENERIC-NEXT: %origin = "sparse_tensor.weight"() <{key = "w.layer", source = "w", transposed = true}>
  %origin = sparse_tensor.weight "w.layer" {source = "w", transposed = true} : tensor<4x3xf32>
  // CHECK-NEXT: %packed = sparse_tensor.weight "w.i16" : tensor<4x3xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = -3, bits = 8>>
  // GENERIC-NEXT: () -> tensor<4x3xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = -3, bits = 8>>
  %packed = sparse_tensor.weight "w.i16" : tensor<4x3xi16, #sparse_tensor.encoding<spots_tile, [8, 1], frac = -3, bits = 8>>
  // CHECK-NEXT: %fixed = sparse_tensor.weight "w.i16" : tensor<4x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>
  %fixed = sparse_tensor.weight "w.i16" : tensor<4x3xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16>>
  func.return
}

// CHECK-LABEL: func.func @conv2d(
// GENERIC-LABEL: sym_name = "conv2d"
func.func @conv2d(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>, %b: tensor<4xf32>, %r: tensor<1x4x3x3xf32>) {
  // CHECK-NEXT: %0 = sparse_tensor.conv2d %x, %w {nodes = ["c"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  // GENERIC: %0 = "sparse_tensor.conv2d"(%x, %w) <{nodes = ["c"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0>}> : (tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32>) -> tensor<1x4x3x3xf32>
  %0 = sparse_tensor.conv2d %x, %w {nodes = ["c"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  // CHECK-NEXT: %1 = sparse_tensor.conv2d %x, %w bias %b : tensor<4xf32> residual %r : tensor<1x4x3x3xf32> {nodes = ["c", "a", "r"], tensor = "y", op_type = "Conv", placement = "native", clip = [0.000000e+00 : f64, 6.000000e+00 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64, product_shift = 3 : i64, tiling = [{f0 = 0 : i64}]} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  // GENERIC-NEXT: %1 = "sparse_tensor.conv2d"(%x, %w, %b, %r) <{{.*}}operandSegmentSizes = array<i32: 1, 1, 1, 1>}>
  %1 = sparse_tensor.conv2d %x, %w bias %b : tensor<4xf32> residual %r : tensor<1x4x3x3xf32> {nodes = ["c", "a", "r"], tensor = "y", op_type = "Conv", placement = "native", clip = [0.0 : f64, 6.0 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64, product_shift = 3 : i64, tiling = [{f0 = 0 : i64}]} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  // The residual alone: its place among the operands is kept.
  // CHECK-NEXT: %2 = sparse_tensor.conv2d %x, %w residual %r : tensor<1x4x3x3xf32> {
  // GENERIC-NEXT: %2 = "sparse_tensor.conv2d"(%x, %w, %r) <{{.*}}operandSegmentSizes = array<i32: 1, 1, 0, 1>}>
  %2 = sparse_tensor.conv2d %x, %w residual %r : tensor<1x4x3x3xf32> {nodes = ["c"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// CHECK-LABEL: func.func @matmul(
// GENERIC-LABEL: sym_name = "matmul"
func.func @matmul(%x: tensor<2x6xf32>, %w: tensor<4x6xf32>, %b: tensor<4xf32>, %r: tensor<2x4xf32>) {
  // CHECK-NEXT: %0 = sparse_tensor.matmul %x, %w {nodes = [], tensor = "y", op_type = "Gemm", placement = "native"} : tensor<2x6xf32>, tensor<4x6xf32> -> tensor<2x4xf32>
  // GENERIC: %0 = "sparse_tensor.matmul"(%x, %w) <{nodes = [], tensor = "y", op_type = "Gemm", placement = "native", operandSegmentSizes = array<i32: 1, 1, 0, 0>}> : (tensor<2x6xf32>, tensor<4x6xf32>) -> tensor<2x4xf32>
  %0 = sparse_tensor.matmul %x, %w {nodes = [], tensor = "y", op_type = "Gemm", placement = "native"} : tensor<2x6xf32>, tensor<4x6xf32> -> tensor<2x4xf32>
  // CHECK-NEXT: %1 = sparse_tensor.matmul %x, %w bias %b : tensor<4xf32> residual %r : tensor<2x4xf32> {
  // GENERIC-NEXT: %1 = "sparse_tensor.matmul"(%x, %w, %b, %r) <{
  %1 = sparse_tensor.matmul %x, %w bias %b : tensor<4xf32> residual %r : tensor<2x4xf32> {nodes = ["m"], tensor = "y", op_type = "Gemm", placement = "native"} : tensor<2x6xf32>, tensor<4x6xf32> -> tensor<2x4xf32>
  func.return
}

// CHECK-LABEL: func.func @pool(
// GENERIC-LABEL: sym_name = "pool"
func.func @pool(%x: tensor<1x3x4x4xf32>, %r: tensor<1x3x2x2xf32>) {
  // CHECK-NEXT: %0 = sparse_tensor.pool %x {nodes = ["p"], tensor = "y", op_type = "MaxPool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 2>, include_pad = false} : tensor<1x3x4x4xf32> -> tensor<1x3x2x2xf32>
  // GENERIC: %0 = "sparse_tensor.pool"(%x) <{{{.*}}kind = "max", kernel = array<i64: 2, 2>, include_pad = false}> : (tensor<1x3x4x4xf32>) -> tensor<1x3x2x2xf32>
  %0 = sparse_tensor.pool %x {nodes = ["p"], tensor = "y", op_type = "MaxPool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 2>, include_pad = false} : tensor<1x3x4x4xf32> -> tensor<1x3x2x2xf32>
  // CHECK-NEXT: %1 = sparse_tensor.pool %x residual %r : tensor<1x3x2x2xf32> {{{.*}}kind = "average"
  // GENERIC-NEXT: %1 = "sparse_tensor.pool"(%x, %r) <{
  %1 = sparse_tensor.pool %x residual %r : tensor<1x3x2x2xf32> {nodes = ["p"], tensor = "y", op_type = "AveragePool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "average", kernel = array<i64: 2, 2>, include_pad = true} : tensor<1x3x4x4xf32> -> tensor<1x3x2x2xf32>
  func.return
}

// CHECK-LABEL: func.func @per_channel(
// GENERIC-LABEL: sym_name = "per_channel"
func.func @per_channel(%x: tensor<1x3x4x4xf32>, %s: tensor<3xf32>, %t: tensor<3xf32>) {
  // CHECK-NEXT: %0 = sparse_tensor.affine %x, %s, %t {nodes = ["b"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x3x4x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x4x4xf32>
  // GENERIC: %0 = "sparse_tensor.affine"(%x, %s, %t) <{nodes = ["b"], tensor = "y", op_type = "BatchNormalization", placement = "native"}> : (tensor<1x3x4x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x4x4xf32>
  %0 = sparse_tensor.affine %x, %s, %t {nodes = ["b"], tensor = "y", op_type = "BatchNormalization", placement = "native"} : (tensor<1x3x4x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x4x4xf32>
  func.return
}

// CHECK-LABEL: func.func @elementwise(
// GENERIC-LABEL: sym_name = "elementwise"
func.func @elementwise(%x: tensor<3x4xf32>, %r: tensor<3x4xf32>) {
  // Infinite bounds are written by their bits.
  // CHECK-NEXT: %0 = sparse_tensor.elementwise %x {nodes = ["r"], tensor = "y", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<3x4xf32> -> tensor<3x4xf32>
  // GENERIC: %0 = "sparse_tensor.elementwise"(%x) <{nodes = ["r"], tensor = "y", op_type = "Relu", placement = "native", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]}> : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %0 = sparse_tensor.elementwise %x {nodes = ["r"], tensor = "y", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %1 = sparse_tensor.elementwise %x residual %r : tensor<3x4xf32> {
  // GENERIC-NEXT: %1 = "sparse_tensor.elementwise"(%x, %r) <{
  %1 = sparse_tensor.elementwise %x residual %r : tensor<3x4xf32> {nodes = ["a"], tensor = "y", op_type = "Add", placement = "native"} : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %2 = sparse_tensor.requantize %x {nodes = ["q"], tensor = "y", op_type = "QuantizeLinear", placement = "native", frac = 7 : i64, bits = 8 : i64} : (tensor<3x4xf32>) -> tensor<3x4xf32>
  // GENERIC-NEXT: %2 = "sparse_tensor.requantize"(%x) <{{{.*}}frac = 7 : i64, bits = 8 : i64}> : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %2 = sparse_tensor.requantize %x {nodes = ["q"], tensor = "y", op_type = "QuantizeLinear", placement = "native", frac = 7 : i64, bits = 8 : i64} : (tensor<3x4xf32>) -> tensor<3x4xf32>
  func.return
}

// CHECK-LABEL: func.func @by_address(
// GENERIC-LABEL: sym_name = "by_address"
func.func @by_address(%x: tensor<2x3x4xf32>, %y: tensor<2x1x4xf32>) {
  // CHECK-NEXT: %0 = sparse_tensor.concat %x, %y {nodes = ["j"], tensor = "y", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  // GENERIC: %0 = "sparse_tensor.concat"(%x, %y) <{nodes = ["j"], tensor = "y", op_type = "Concat", placement = "native"}> : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  %0 = sparse_tensor.concat %x, %y {nodes = ["j"], tensor = "y", op_type = "Concat", placement = "native"} : (tensor<2x3x4xf32>, tensor<2x1x4xf32>) -> tensor<2x4x4xf32>
  // CHECK-NEXT: %1 = sparse_tensor.reshape %0 {nodes = ["f"], tensor = "z", op_type = "Flatten", placement = "native"} : (tensor<2x4x4xf32>) -> tensor<2x16xf32>
  // GENERIC-NEXT: %1 = "sparse_tensor.reshape"(%0) <{
  %1 = sparse_tensor.reshape %0 {nodes = ["f"], tensor = "z", op_type = "Flatten", placement = "native"} : (tensor<2x4x4xf32>) -> tensor<2x16xf32>
  func.return
}

// CHECK-LABEL: func.func @host(
// GENERIC-LABEL: sym_name = "host"
func.func @host(%x: tensor<4xf32>) {
  // CHECK-NEXT: %0, %1 = sparse_tensor.host_call "y.fragment"(%x, %x) {nodes = ["t"], tensors = ["y", "i"], op_type = "TopK", reason = "spots has no kernel for TopK"} : (tensor<4xf32>, tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi64>)
  // GENERIC: %0, %1 = "sparse_tensor.host_call"(%x, %x) <{fragment = "y.fragment", nodes = ["t"], tensors = ["y", "i"], op_type = "TopK", reason = "spots has no kernel for TopK"}> : (tensor<4xf32>, tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi64>)
  %0, %1 = sparse_tensor.host_call "y.fragment"(%x, %x) {nodes = ["t"], tensors = ["y", "i"], op_type = "TopK", reason = "spots has no kernel for TopK"} : (tensor<4xf32>, tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi64>)
  // CHECK-NEXT: %2 = sparse_tensor.host_call "z.fragment"() {{{.*}}} : () -> tensor<2xf32>
  %2 = sparse_tensor.host_call "z.fragment"() {nodes = ["n"], tensors = ["z"], op_type = "RandomNormal", reason = "no"} : () -> tensor<2xf32>
  func.return
}

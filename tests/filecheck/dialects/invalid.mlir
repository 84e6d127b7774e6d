// RUN: spcc-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// The encoding: a name, a block, two numbers.
// CHECK: identifier expected for a storage format
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<"quoted", [8, 1], frac = 12, bits = 16>>)

// -----

// CHECK: '[' expected
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<spots_tile, 8, frac = 12, bits = 16>>)

// -----

// CHECK: Expected integer literal
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<spots_tile, [8, true], frac = 12, bits = 16>>)

// -----

// CHECK: Expected integer literal
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<spots_tile, [-8], frac = 12, bits = 16>>)

// -----

// CHECK: Expected 'frac'
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<spots_tile, [8, 1], bits = 16>>)

// -----

// CHECK: Expected integer literal
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<dense, [], frac = 1.5, bits = 16>>)

// -----

// CHECK: frac = 1001 is outside -1000..1000
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<dense, [], frac = 1001, bits = 16>>)

// -----

// CHECK: bits = 12: fixed-point tensors have 8 or 16 bits
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 12>>)

// -----

// CHECK: '>' expected
func.func private @f(tensor<4xi16, #sparse_tensor.encoding<dense, [], frac = 12, bits = 16, more = 1>>)

// -----

// What all layers have.
// CHECK: placement 'nowhere' is not one of native, lowered
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "nowhere", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: clip takes a lower and an upper bound, got [0.0]
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", clip = [0.0 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: clip = [1.0, 0.0] is no range
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", clip = [1.0 : f64, 0.0 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: clip = [nan, 1.0] is no range
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", clip = [0x7ff8000000000000 : f64, 1.0 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: the residual has shape (1, 4, 3, 1), the result (1, 4, 3, 3)
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>, %r: tensor<1x4x3x1xf32>) {
  %y = sparse_tensor.conv2d %x, %w residual %r : tensor<1x4x3x1xf32> {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: property 'placement' expected in operation 'sparse_tensor.elementwise'
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.elementwise %x {nodes = ["n"], tensor = "y", op_type = "Relu"} : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// CHECK: expected ArrayAttr attribute, but got '<class 'xdsl.dialects.builtin.StringAttr'>'
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.elementwise %x {nodes = "n", tensor = "y", op_type = "Relu", placement = "native"} : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// Convolutions.
// CHECK: conv2d takes rank-4 tensors, got (6, 4, 4), (4, 3, 2, 2) and (1, 4, 3, 3)
func.func @f(%x: tensor<6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: channels of (1, 6, 4, 4), (4, 3, 2, 2) and (1, 4, 3, 3) do not agree for groups = 1
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: channels of (1, 6, 4, 4), (4, 3, 2, 2) and (1, 4, 3, 3) do not agree for groups = 0
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 0 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: channels of (1, 6, 4, 4), (3, 3, 2, 2) and (1, 3, 3, 3) do not agree for groups = 2
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<3x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<3x3x2x2xf32> -> tensor<1x3x3x3xf32>
  func.return
}

// -----

// CHECK: channels of (1, 6, 4, 4), (4, 3, 2, 2) and (1, 5, 3, 3) do not agree for groups = 2
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x5x3x3xf32>
  func.return
}

// -----

// CHECK: channels of (1, 6, 4, 4), (4, 3, 2, 2) and (2, 4, 3, 3) do not agree for groups = 2
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<2x4x3x3xf32>
  func.return
}

// -----

// CHECK: the bias has shape (3,), the layer 4 filters
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>, %b: tensor<3xf32>) {
  %y = sparse_tensor.conv2d %x, %w bias %b : tensor<3xf32> {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: strides = [1] is not 2 numbers of at least 1
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: strides = [0, 1] is not 2 numbers of at least 1
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 0, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: array<f64: 1.000000e+00, 1.000000e+00> is no array of i64
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<f64: 1.0, 1.0>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: pads = [0, 0, -1, 0] is not 4 numbers of at least 0
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, -1, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: dilations = [1, 1, 1] is not 2 numbers of at least 1
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: the window makes a map of (3, 3), not (3, 4)
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x2x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x2x2xf32> -> tensor<1x4x3x4xf32>
  func.return
}

// -----

// CHECK: the window makes a map of (0, 3), not (3, 3)
func.func @f(%x: tensor<1x6x4x4xf32>, %w: tensor<4x3x5x2xf32>) {
  %y = sparse_tensor.conv2d %x, %w {nodes = ["n"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x6x4x4xf32>, tensor<4x3x5x2xf32> -> tensor<1x4x3x3xf32>
  func.return
}

// -----

// CHECK: operand 'input' at position 0 does not verify:
func.func @f(%x: i32) {
  %y = "sparse_tensor.conv2d"(%x, %x) <{operandSegmentSizes = array<i32: 1, 1, 0, 0>}> : (i32, i32) -> i32
  func.return
}

// -----

// Matmuls.
// CHECK: matmul of (2, 6) with (4, 5) transposed does not give (2, 4)
func.func @f(%x: tensor<2x6xf32>, %w: tensor<4x5xf32>) {
  %y = sparse_tensor.matmul %x, %w {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : tensor<2x6xf32>, tensor<4x5xf32> -> tensor<2x4xf32>
  func.return
}

// -----

// CHECK: matmul of (2, 6) with (4, 6) transposed does not give (4, 2)
func.func @f(%x: tensor<2x6xf32>, %w: tensor<4x6xf32>) {
  %y = sparse_tensor.matmul %x, %w {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : tensor<2x6xf32>, tensor<4x6xf32> -> tensor<4x2xf32>
  func.return
}

// -----

// CHECK: the bias has shape (1,), the layer 4 filters
func.func @f(%x: tensor<2x6xf32>, %w: tensor<4x6xf32>, %b: tensor<1xf32>) {
  %y = sparse_tensor.matmul %x, %w bias %b : tensor<1xf32> {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : tensor<2x6xf32>, tensor<4x6xf32> -> tensor<2x4xf32>
  func.return
}

// -----

// Pools.
// CHECK: kind 'median' is not one of max, average
func.func @f(%x: tensor<1x2x4x4xf32>) {
  %y = sparse_tensor.pool %x {nodes = ["n"], tensor = "y", op_type = "Pool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "median", kernel = array<i64: 2, 2>, include_pad = false} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  func.return
}

// -----

// CHECK: a pool keeps batch and channels of (1, 2, 4, 4), got (1, 3, 2, 2)
func.func @f(%x: tensor<1x2x4x4xf32>) {
  %y = sparse_tensor.pool %x {nodes = ["n"], tensor = "y", op_type = "Pool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 2>, include_pad = false} : tensor<1x2x4x4xf32> -> tensor<1x3x2x2xf32>
  func.return
}

// -----

// CHECK: a pool keeps batch and channels of (1, 2, 4), got (1, 2, 2)
func.func @f(%x: tensor<1x2x4xf32>) {
  %y = sparse_tensor.pool %x {nodes = ["n"], tensor = "y", op_type = "Pool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 2>, include_pad = false} : tensor<1x2x4xf32> -> tensor<1x2x2xf32>
  func.return
}

// -----

// CHECK: kernel = [2, 0] is not 2 numbers of at least 1
func.func @f(%x: tensor<1x2x4x4xf32>) {
  %y = sparse_tensor.pool %x {nodes = ["n"], tensor = "y", op_type = "Pool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 0>, include_pad = false} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  func.return
}

// -----

// CHECK: the window makes a map of (1, 1), not (2, 2)
func.func @f(%x: tensor<1x2x4x4xf32>) {
  %y = sparse_tensor.pool %x {nodes = ["n"], tensor = "y", op_type = "Pool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 3, 3>, include_pad = false} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  func.return
}

// -----

// Scale and shift, elementwise, requantize.
// CHECK: affine takes tensors with channels, got (4,)
func.func @f(%x: tensor<4xf32>, %s: tensor<4xf32>) {
  %y = sparse_tensor.affine %x, %s, %s {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: scale (3,) and shift (3,) are not 4 values
func.func @f(%x: tensor<1x4xf32>, %s: tensor<3xf32>) {
  %y = sparse_tensor.affine %x, %s, %s {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<1x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

// CHECK: affine keeps the shape, got (1, 4) and (4, 1)
func.func @f(%x: tensor<1x4xf32>, %s: tensor<4xf32>) {
  %y = sparse_tensor.affine %x, %s, %s {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<1x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4x1xf32>
  func.return
}

// -----

// CHECK: elementwise takes and gives tensors of one shape
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.elementwise %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : tensor<4xf32> -> tensor<5xf32>
  func.return
}

// -----

// CHECK: the residual has shape (1,), the result (4,)
func.func @f(%x: tensor<4xf32>, %r: tensor<1xf32>) {
  %y = sparse_tensor.elementwise %x residual %r : tensor<1xf32> {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// CHECK: bits = 7: fixed-point tensors have 8 or 16 bits
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.requantize %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native", frac = 1 : i64, bits = 7 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: frac = 2000 is not a scale
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.requantize %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native", frac = 2000 : i64, bits = 8 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: requantize takes and gives tensors of one shape
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.requantize %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native", frac = 1 : i64, bits = 8 : i64} : (tensor<4xf32>) -> tensor<2x2xf32>
  func.return
}

// -----

// By address.
// CHECK: [(2, 3), (2, 3)] do not make (2, 7) along axis 1
func.func @f(%x: tensor<2x3xf32>) {
  %y = sparse_tensor.concat %x, %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x7xf32>
  func.return
}

// -----

// CHECK: [(2, 3), (1, 3)] do not make (2, 6) along axis 1
func.func @f(%x: tensor<2x3xf32>, %v: tensor<1x3xf32>) {
  %y = sparse_tensor.concat %x, %v {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x6xf32>
  func.return
}

// -----

// CHECK: concat takes at least one operand with channels
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.concat %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: concat takes at least one operand with channels
func.func @f() {
  %y = sparse_tensor.concat {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : () -> tensor<2x4xf32>
  func.return
}

// -----

// CHECK: (2, 3) has 6 elements, (7,) has 7
func.func @f(%x: tensor<2x3xf32>) {
  %y = sparse_tensor.reshape %x {nodes = ["n"], tensor = "y", op_type = "T", placement = "native"} : (tensor<2x3xf32>) -> tensor<7xf32>
  func.return
}

// -----

// Host calls.
// CHECK: a host call stands for at least one node
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.host_call "f"(%x) {nodes = [], tensors = ["y"], op_type = "T", reason = "no"} : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: host_call has 1 results but 0 names
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.host_call "f"(%x) {nodes = ["n"], tensors = [], op_type = "T", reason = "no"} : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// CHECK: attribute expected
func.func @f(%x: tensor<4xf32>) {
  %y = sparse_tensor.host_call f(%x) {nodes = ["n"], tensors = [], op_type = "T", reason = "no"} : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

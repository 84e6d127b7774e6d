// RUN: spcc-opt %s -p fuse-epilogue --split-input-file | filecheck %s
// RUN: spcc-opt %s -p fuse-epilogue,fuse-epilogue --split-input-file | filecheck %s

// A ReLU goes into the convolution, which then stands for both nodes and makes the ReLU's tensor.
// CHECK-LABEL: func.func @main(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x1x1xf32>) -> tensor<1x3x4x4xf32> {
// CHECK-NEXT:    %r = sparse_tensor.conv2d %x, %w {op_type = "Conv", placement = "native", strides = {{.*}}, groups = 1 : i64, nodes = ["conv", "relu"], tensor = "r", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]} : tensor<1x2x4x4xf32>, tensor<3x2x1x1xf32> -> tensor<1x3x4x4xf32>
// CHECK-NEXT:    func.return %r : tensor<1x3x4x4xf32>
func.func @main(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x1x1xf32>) -> tensor<1x3x4x4xf32> {
  %c = sparse_tensor.conv2d %x, %w {nodes = ["conv"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x4x4xf32>, tensor<3x2x1x1xf32> -> tensor<1x3x4x4xf32>
  %r = sparse_tensor.elementwise %c {nodes = ["relu"], tensor = "r", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x3x4x4xf32> -> tensor<1x3x4x4xf32>
  func.return %r : tensor<1x3x4x4xf32>
}

// -----

// Convolution, residual add, ReLU: one layer. The sum computed last takes the other as its residual.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %first = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> {
// CHECK-SAME:      nodes = ["first"], tensor = "first"
// CHECK-NEXT:    %r = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> residual %first : tensor<1x2x4x4xf32> {
// CHECK-SAME:      nodes = ["second", "add", "relu"], tensor = "r", clip = [0.000000e+00 : f64, 0x7ff0000000000000 : f64]
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<1x2x4x4xf32>, %w: tensor<2x2x1x1xf32>, %b: tensor<2xf32>) -> tensor<1x2x4x4xf32> {
  %first = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> {nodes = ["first"], tensor = "first", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x4x4xf32>
  %second = sparse_tensor.conv2d %x, %w bias %b : tensor<2xf32> {nodes = ["second"], tensor = "second", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x4x4xf32>
  %a = sparse_tensor.elementwise %first residual %second : tensor<1x2x4x4xf32> {nodes = ["add"], tensor = "a", op_type = "Add", placement = "native"} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
  %r = sparse_tensor.elementwise %a {nodes = ["relu"], tensor = "r", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
  func.return %r : tensor<1x2x4x4xf32>
}

// -----

// A matmul and a pool fuse too; elementwise ops fuse into each other.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %m = sparse_tensor.matmul %x, %w residual %x : tensor<2x2xf32> {{{.*}}nodes = ["mm", "add"], tensor = "m"}
// CHECK-NEXT:    %q = sparse_tensor.pool %p {{{.*}}kind = "average"{{.*}}nodes = ["pool", "clip"], tensor = "q", clip = [-1.000000e+00 : f64, 1.000000e+00 : f64]}
// CHECK-NEXT:    %e = sparse_tensor.elementwise %x residual %x : tensor<2x2xf32> {{{.*}}nodes = ["twice", "relu"], tensor = "e"
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>, %p: tensor<1x2x4x4xf32>) -> (tensor<2x2xf32>, tensor<1x2x2x2xf32>, tensor<2x2xf32>) {
  %mm = sparse_tensor.matmul %x, %w {nodes = ["mm"], tensor = "mm", op_type = "Gemm", placement = "native"} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  %m = sparse_tensor.elementwise %mm residual %x : tensor<2x2xf32> {nodes = ["add"], tensor = "m", op_type = "Add", placement = "native"} : tensor<2x2xf32> -> tensor<2x2xf32>
  %pool = sparse_tensor.pool %p {nodes = ["pool"], tensor = "pool", op_type = "AveragePool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "average", kernel = array<i64: 2, 2>, include_pad = false} : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  %q = sparse_tensor.elementwise %pool {nodes = ["clip"], tensor = "q", op_type = "Clip", placement = "native", clip = [-1.0 : f64, 1.0 : f64]} : tensor<1x2x2x2xf32> -> tensor<1x2x2x2xf32>
  %twice = sparse_tensor.elementwise %x residual %x : tensor<2x2xf32> {nodes = ["twice"], tensor = "twice", op_type = "Add", placement = "native"} : tensor<2x2xf32> -> tensor<2x2xf32>
  %e = sparse_tensor.elementwise %twice {nodes = ["relu"], tensor = "e", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x2xf32> -> tensor<2x2xf32>
  func.return %m, %q, %e : tensor<2x2xf32>, tensor<1x2x2x2xf32>, tensor<2x2xf32>
}

// -----

// Two clips become one: their ranges overlap, lie apart upwards, lie apart downwards.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %b = {{.*}}clip = [1.000000e+00 : f64, 3.000000e+00 : f64]
// CHECK-NEXT:    %d = {{.*}}clip = [4.000000e+00 : f64, 4.000000e+00 : f64]
// CHECK-NEXT:    %f = {{.*}}clip = [1.000000e+00 : f64, 1.000000e+00 : f64]
func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Clip", placement = "native", clip = [0.0 : f64, 3.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %b = sparse_tensor.elementwise %a {nodes = ["b"], tensor = "b", op_type = "Clip", placement = "native", clip = [1.0 : f64, 5.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %c = sparse_tensor.elementwise %x {nodes = ["c"], tensor = "c", op_type = "Clip", placement = "native", clip = [0.0 : f64, 3.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %d = sparse_tensor.elementwise %c {nodes = ["d"], tensor = "d", op_type = "Clip", placement = "native", clip = [4.0 : f64, 5.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %e = sparse_tensor.elementwise %x {nodes = ["e"], tensor = "e", op_type = "Clip", placement = "native", clip = [2.0 : f64, 3.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %f = sparse_tensor.elementwise %e {nodes = ["f"], tensor = "f", op_type = "Clip", placement = "native", clip = [0.0 : f64, 1.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  func.return %b, %d, %f : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// A sum that another op uses too must be made: nothing fuses.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %c = sparse_tensor.matmul %x, %w {
// CHECK-NEXT:    %r = sparse_tensor.elementwise %c {
// CHECK-NEXT:    func.return %c, %r
func.func @main(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %c = sparse_tensor.matmul %x, %w {nodes = ["mm"], tensor = "c", op_type = "Gemm", placement = "native"} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  %r = sparse_tensor.elementwise %c {nodes = ["relu"], tensor = "r", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x2xf32> -> tensor<2x2xf32>
  func.return %c, %r : tensor<2x2xf32>, tensor<2x2xf32>
}

// -----

// The PPU adds before it clips, and adds once: an add behind a clip or behind an add stays an op.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %v1 = sparse_tensor.matmul %x, %w {{{.*}}nodes = ["mm", "relu"]
// CHECK-NEXT:    %v2 = sparse_tensor.elementwise %v1 residual %x : tensor<2x2xf32> {nodes = ["add"]
// CHECK-NEXT:    %v4 = sparse_tensor.matmul %x, %w residual %v2 : tensor<2x2xf32> {{{.*}}nodes = ["mm2", "add2"]
// CHECK-NEXT:    %v5 = sparse_tensor.elementwise %v4 residual %x : tensor<2x2xf32> {nodes = ["add3"]
// CHECK-NEXT:    func.return %v5
func.func @main(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %v0 = sparse_tensor.matmul %x, %w {nodes = ["mm"], tensor = "0", op_type = "Gemm", placement = "native"} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  %v1 = sparse_tensor.elementwise %v0 {nodes = ["relu"], tensor = "1", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x2xf32> -> tensor<2x2xf32>
  %v2 = sparse_tensor.elementwise %v1 residual %x : tensor<2x2xf32> {nodes = ["add"], tensor = "2", op_type = "Add", placement = "native"} : tensor<2x2xf32> -> tensor<2x2xf32>
  %v3 = sparse_tensor.matmul %x, %w {nodes = ["mm2"], tensor = "3", op_type = "Gemm", placement = "native"} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  %v4 = sparse_tensor.elementwise %v3 residual %v2 : tensor<2x2xf32> {nodes = ["add2"], tensor = "4", op_type = "Add", placement = "native"} : tensor<2x2xf32> -> tensor<2x2xf32>
  %v5 = sparse_tensor.elementwise %v4 residual %x : tensor<2x2xf32> {nodes = ["add3"], tensor = "5", op_type = "Add", placement = "native"} : tensor<2x2xf32> -> tensor<2x2xf32>
  func.return %v5 : tensor<2x2xf32>
}

// -----

// What is no sum of the array has no epilogue: a reshape, a host call, a function argument.
// CHECK-LABEL: func.func @main(
// CHECK:         %v0 = sparse_tensor.reshape %x
// CHECK-NEXT:    %v1 = sparse_tensor.elementwise %v0 {
// CHECK-NEXT:    %v2 = sparse_tensor.host_call "f"(%x)
// CHECK-NEXT:    %v3 = sparse_tensor.elementwise %v2 {
// CHECK-NEXT:    %v4 = sparse_tensor.elementwise %x {
func.func @main(%x: tensor<2x2xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>) {
  %v0 = sparse_tensor.reshape %x {nodes = ["s"], tensor = "0", op_type = "Reshape", placement = "native"} : (tensor<2x2xf32>) -> tensor<4xf32>
  %v1 = sparse_tensor.elementwise %v0 {nodes = ["r"], tensor = "1", op_type = "Relu", placement = "native", clip = [0.0 : f64, 6.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %v2 = sparse_tensor.host_call "f"(%x) {nodes = ["h"], tensors = ["2"], op_type = "Sin", reason = "no"} : (tensor<2x2xf32>) -> tensor<4xf32>
  %v3 = sparse_tensor.elementwise %v2 {nodes = ["r2"], tensor = "3", op_type = "Relu", placement = "native", clip = [0.0 : f64, 6.0 : f64]} : tensor<4xf32> -> tensor<4xf32>
  %v4 = sparse_tensor.elementwise %x {nodes = ["r3"], tensor = "4", op_type = "Relu", placement = "native", clip = [0.0 : f64, 6.0 : f64]} : tensor<2x2xf32> -> tensor<2x2xf32>
  func.return %v1, %v3, %v4 : tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>
}

// -----

// The model's own quantisation: of an input, which then is given in these integers; of a layer, whose result
// gets them; the signature follows.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:      %x: tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 7, bits = 8>>, %w: tensor<2x2xf32>)
// CHECK-SAME:      -> tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 16>>
// CHECK-NEXT:    %q2 = sparse_tensor.matmul %x, %w {{{.*}}nodes = ["mm", "relu", "q2"], tensor = "q2", clip =
// CHECK-SAME:      -> tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 4, bits = 16>>
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<2x2xf32>, %w: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = sparse_tensor.requantize %x {nodes = ["q"], tensor = "q", op_type = "QuantizeLinear", placement = "native", frac = 7 : i64, bits = 8 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %mm = sparse_tensor.matmul %q, %w {nodes = ["mm"], tensor = "mm", op_type = "Gemm", placement = "native"} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  %r = sparse_tensor.elementwise %mm {nodes = ["relu"], tensor = "r", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x2xf32> -> tensor<2x2xf32>
  %q2 = sparse_tensor.requantize %r {nodes = ["q2"], tensor = "q2", op_type = "QuantizeLinear", placement = "native", frac = 4 : i64, bits = 16 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  func.return %q2 : tensor<2x2xf32>
}

// -----

// A value that is wanted unquantised too, or twice differently, or that no layer makes: a copy quantises it.
// No requantize is left, and an elementwise op does not fuse across the integers that the model asks for.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:      %x: tensor<2x2xf32>
// CHECK-NEXT:    %q = sparse_tensor.elementwise %x {nodes = ["q"], tensor = "q", op_type = "QuantizeLinear", placement = "native"} : tensor<2x2xf32> -> tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 7, bits = 8>>
// CHECK-NEXT:    %q2 = sparse_tensor.elementwise %x {{.*}} -> tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 3, bits = 8>>
// CHECK-NEXT:    %s = sparse_tensor.reshape %q
// CHECK-NEXT:    %q3 = sparse_tensor.elementwise %s {{.*}} -> tensor<4xi16, #sparse_tensor.encoding<dense, [], frac = 2, bits = 8>>
// CHECK-NEXT:    %r = sparse_tensor.elementwise %q3 {
// CHECK-NOT:     requantize
func.func @main(%x: tensor<2x2xf32>) -> (tensor<4xf32>, tensor<2x2xf32>) {
  %q = sparse_tensor.requantize %x {nodes = ["q"], tensor = "q", op_type = "QuantizeLinear", placement = "native", frac = 7 : i64, bits = 8 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %q2 = sparse_tensor.requantize %x {nodes = ["q2"], tensor = "q2", op_type = "QuantizeLinear", placement = "native", frac = 3 : i64, bits = 8 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %s = sparse_tensor.reshape %q {nodes = ["s"], tensor = "s", op_type = "Reshape", placement = "native"} : (tensor<2x2xf32>) -> tensor<4xf32>
  %q3 = sparse_tensor.requantize %s {nodes = ["q3"], tensor = "q3", op_type = "QuantizeLinear", placement = "native", frac = 2 : i64, bits = 8 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %r = sparse_tensor.elementwise %q3 {nodes = ["r"], tensor = "r", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<4xf32> -> tensor<4xf32>
  func.return %r, %q2 : tensor<4xf32>, tensor<2x2xf32>
}

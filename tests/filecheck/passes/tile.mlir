// RUN: spcc-opt %s -p 'attach-target{target=spots set="NR=4;NC=2;UNITS=2;NREG=2;G=2;SLOT=4;INBW=2;SPLIT_LT=3;FCAP=4096;WCAP=4096;ICAP=4096;OCAP=4096;RCAP=256"},tile' --split-input-file | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=spots set="NR=4;NC=2;UNITS=2;NREG=2;G=2;SLOT=4;INBW=2;SPLIT_LT=3;FCAP=4096;WCAP=4096;ICAP=4096;OCAP=4096;RCAP=256"},tile,tile' --split-input-file | filecheck %s

// SPOTS sheet, example 10.1: three filters on the tall array, one band.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "w" : tensor<3x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, tiling = [{f0 = 0 : i64, f1 = 3 : i64, c0 = 0 : i64, c1 = 1 : i64, split = 0 : i64, Ct = 1 : i64, band = 2 : i64, wide_weights = 1 : i64}]} : tensor<1x1x3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<3x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %y : tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module attributes {spcc.weights = "tile.json"} {
  func.func @main(%x: tensor<1x1x3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<3x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x1x3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<3x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// More filters than NR * NREG = 8: tiles of 8, 8 and 4.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "k" : tensor<20x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, tiling = [{f0 = 0 : i64, f1 = 8 : i64, c0 = 0 : i64, c1 = 2 : i64, split = 0 : i64, Ct = 2 : i64, band = 3 : i64, wide_weights = 0 : i64}, {f0 = 8 : i64, f1 = 16 : i64, c0 = 0 : i64, c1 = 2 : i64, split = 0 : i64, Ct = 2 : i64, band = 3 : i64, wide_weights = 0 : i64}, {f0 = 16 : i64, f1 = 20 : i64, c0 = 0 : i64, c1 = 2 : i64, split = 0 : i64, Ct = 2 : i64, band = 3 : i64, wide_weights = 0 : i64}]} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<20x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x20x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %y : tensor<1x20x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module attributes {spcc.weights = "tile.json"} {
  func.func @main(%x: tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x20x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "k" : tensor<20x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x2x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<20x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x20x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x20x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// Groups of fewer filters than NR / UNITS = 2: whole groups, two to a tile, on the split array.
// Larger ones: each group alone.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "g" : tensor<6x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 6 : i64, tiling = [{f0 = 0 : i64, f1 = 2 : i64, c0 = 0 : i64, c1 = 2 : i64, split = 1 : i64, Ct = 2 : i64, band = 2 : i64, wide_weights = 0 : i64}, {f0 = 2 : i64, f1 = 4 : i64, c0 = 2 : i64, c1 = 4 : i64, split = 1 : i64, Ct = 2 : i64, band = 2 : i64, wide_weights = 0 : i64}, {f0 = 4 : i64, f1 = 6 : i64, c0 = 4 : i64, c1 = 6 : i64, split = 1 : i64, Ct = 2 : i64, band = 2 : i64, wide_weights = 0 : i64}]} : tensor<1x6x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<6x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %u = sparse_tensor.weight "gg" : tensor<12x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %z = sparse_tensor.conv2d %v, %u {nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 3 : i64, tiling = [{f0 = 0 : i64, f1 = 4 : i64, c0 = 0 : i64, c1 = 2 : i64, split = 0 : i64, Ct = 2 : i64, band = 3 : i64, wide_weights = 0 : i64}, {f0 = 4 : i64, f1 = 8 : i64, c0 = 2 : i64, c1 = 4 : i64, split = 0 : i64, Ct = 2 : i64, band = 3 : i64, wide_weights = 0 : i64}, {f0 = 8 : i64, f1 = 12 : i64, c0 = 4 : i64, c1 = 6 : i64, split = 0 : i64, Ct = 2 : i64, band = 3 : i64, wide_weights = 0 : i64}]} : tensor<1x6x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<12x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x12x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %y, %z : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x12x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module attributes {spcc.weights = "tile.json"} {
  func.func @main(%x: tensor<1x6x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %v: tensor<1x6x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x12x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "z"]} {
    %w = sparse_tensor.weight "g" : tensor<6x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 6 : i64} : tensor<1x6x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<6x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %u = sparse_tensor.weight "gg" : tensor<12x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %z = sparse_tensor.conv2d %v, %u {nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 3 : i64} : tensor<1x6x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<12x2x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x12x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y, %z : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x12x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// What exceeds the memories is cut: channels first, then bands of rows.
// Zero weights take no room, the input map does.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %w = sparse_tensor.weight "d" : tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, tiling = [{f0 = 0 : i64, f1 = 4 : i64, c0 = 0 : i64, c1 = 64 : i64, split = 0 : i64, Ct = 22 : i64, band = 3 : i64, wide_weights = 0 : i64}]} : tensor<1x64x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %u = sparse_tensor.weight "z" : tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %z = sparse_tensor.conv2d %x, %u {nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, tiling = [{f0 = 0 : i64, f1 = 4 : i64, c0 = 0 : i64, c1 = 64 : i64, split = 0 : i64, Ct = 32 : i64, band = 2 : i64, wide_weights = 0 : i64}]} : tensor<1x64x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %y, %z : tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module attributes {spcc.weights = "tile.json"} {
  func.func @main(%x: tensor<1x64x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y", "z"]} {
    %w = sparse_tensor.weight "d" : tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x64x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %u = sparse_tensor.weight "z" : tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %z = sparse_tensor.conv2d %x, %u {nodes = ["z"], tensor = "z", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x64x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<4x64x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y, %z : tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<1x4x6x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// A matmul is a 1x1 convolution on C x 1 x N; a pool has one tile, always on all units.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %m = sparse_tensor.weight "m" : tensor<5x6xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
// CHECK-NEXT:    %y = sparse_tensor.matmul %x, %m {nodes = ["y"], tensor = "y", op_type = "Gemm", placement = "native", tiling = [{f0 = 0 : i64, f1 = 5 : i64, c0 = 0 : i64, c1 = 6 : i64, split = 0 : i64, Ct = 6 : i64, band = 1 : i64, wide_weights = 1 : i64}]} : tensor<3x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<5x6xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    %p = sparse_tensor.pool %v {nodes = ["p"], tensor = "p", op_type = "MaxPool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 2>, include_pad = false, tiling = [{f0 = 0 : i64, f1 = 40 : i64, c0 = 0 : i64, c1 = 40 : i64, split = 1 : i64, Ct = 20 : i64, band = 2 : i64, wide_weights = 0 : i64}]} : tensor<2x40x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
// CHECK-NEXT:    func.return %y, %p : tensor<3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
builtin.module attributes {spcc.weights = "tile.json"} {
  func.func @main(%x: tensor<3x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %v: tensor<2x40x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "v"], onnx.outputs = ["y", "p"]} {
    %m = sparse_tensor.weight "m" : tensor<5x6xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.matmul %x, %m {nodes = ["y"], tensor = "y", op_type = "Gemm", placement = "native"} : tensor<3x6xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<5x6xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %p = sparse_tensor.pool %v {nodes = ["p"], tensor = "p", op_type = "MaxPool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, kind = "max", kernel = array<i64: 2, 2>, include_pad = false} : tensor<2x40x8x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<2x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y, %p : tensor<3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// RUN: spcc-opt %s -p 'attach-target{target=dadiannao set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4;am_words=64"},tile,dadiannao-keep-on-chip' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=dadiannao set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4;am_words=64"},tile,dadiannao-keep-on-chip,dadiannao-keep-on-chip' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=tct set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4;am_words=64"},tile,tct-keep-on-chip' | filecheck %s

// Whole layers: each finds its input where the one before left it. Only the last one, which the
// network returns, is stored. Half of AM is 32 words of 8 bytes.
// CHECK: %a = sparse_tensor.conv2d
// CHECK-SAME: am = {source = 0 : i64, result = 1 : i64, loads = 1 : i64, stores = 0 : i64}, on_chip = {memory = "am", offset = 256 : i64, strides = [32 : i64, 2 : i64, 8 : i64, 8 : i64]}
// CHECK: %b = sparse_tensor.conv2d
// CHECK-SAME: am = {source = 1 : i64, result = 0 : i64, loads = 0 : i64, stores = 0 : i64}, on_chip = {memory = "am", offset = 0 : i64, strides = [64 : i64, 2 : i64, 16 : i64, 16 : i64]}
// The same input again: it is still there. An add reads its result in DRAM.
// CHECK: %c = sparse_tensor.conv2d
// CHECK-SAME: am = {source = 0 : i64, result = 1 : i64, loads = 0 : i64, stores = 1 : i64}, nodes
// 36 channels at 4 positions are 36 words, more than half of AM: strips take all of it.
// CHECK: %d = sparse_tensor.conv2d
// CHECK-NOT: am =
// CHECK-SAME: strip = 1 : i64
// CHECK: %f = sparse_tensor.conv2d
// CHECK-SAME: am = {source = 0 : i64, result = 1 : i64, loads = 1 : i64, stores = 1 : i64}, nodes
builtin.module attributes {spcc.weights = "dadiannao_keep_on_chip.json"} {
  func.func @main(%x: tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> (tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["e", "f"]} {
    %w = sparse_tensor.weight "w" : tensor<4x4x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>>
    %v = sparse_tensor.weight "v" : tensor<8x4x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>>
    %u = sparse_tensor.weight "u" : tensor<8x8x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>>
    %t = sparse_tensor.weight "t" : tensor<36x8x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>>
    %a = sparse_tensor.conv2d %x, %w {nodes = ["a"], tensor = "a", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<4x4x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>> -> tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %b = sparse_tensor.conv2d %a, %v {nodes = ["b"], tensor = "b", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<8x4x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>> -> tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %c = sparse_tensor.conv2d %b, %u {nodes = ["c"], tensor = "c", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<8x8x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>> -> tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %e = sparse_tensor.elementwise %c {nodes = ["e"], tensor = "e", op_type = "Relu", placement = "native"} : tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> -> tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %d = sparse_tensor.conv2d %c, %t {nodes = ["d"], tensor = "d", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<36x8x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>> -> tensor<1x36x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %f = sparse_tensor.conv2d %x, %w {nodes = ["f"], tensor = "f", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<4x4x1x1xi16, #sparse_tensor.encoding<ddn_chunks, [4, 4], frac = 0, bits = 16>> -> tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %e, %f : tensor<1x8x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x4x4x1xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

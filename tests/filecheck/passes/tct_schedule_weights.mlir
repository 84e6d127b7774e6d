// RUN: spcc-opt %s -p 'attach-target{target=tct set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4"},tile,tct-schedule-weights' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=tct set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4;scheduler=greedy;order=aside"},tile,tct-schedule-weights{listing=0}' | filecheck %s --check-prefix=GREEDY
// RUN: spcc-opt %s -p 'attach-target{target=tct set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4"},tile,tct-schedule-weights,tct-pack-weights' | filecheck %s --check-prefix=PACKED

// The trace of tct sheet, example E1: two entries, rows 1, 2, 4 and 5 dropped, an advance of 3.
// CHECK: tct_schedule = {rows = "w.tct_rows", values = "w.tct_values", selects = "w.tct_selects"}
// CHECK-SAME: tct_longest_ahead = array<i64: 2>, tct_summary = {entries = [array<i64: 2>], rows = 6 : i64, dropped = 4 : i64, bubbles = 0 : i64, own = 3 : i64, promoted = array<i64: 3, 1, 0, 0, 0, 0, 0>, zeros = 1 : i64, advances = array<i64: 0, 0, 1>}
// CHECK-SAME: tct_listing = ["warp 0 unit 0 entry 0: row 0, s0 l1 <- 7 from row 1 lane 1, s0 l3 <- 2 from row 1 lane 3", "warp 0 unit 0 entry 1: row 3, s0 l1 <- 1 from row 5 lane 1, s0 l2 <- 6 from row 4 lane 2"]

// GREEDY: tct_summary = {entries = [array<i64: 3>], rows = 6 : i64, dropped = 3 : i64, bubbles = 0 : i64, own = 4 : i64, promoted = array<i64: 1, 0, 2, 0, 0, 0, 0>, zeros = 5 : i64, advances = array<i64: 0, 1, 1>}
// GREEDY-NOT: tct_listing

// PACKED: packed = "w.packed", tile_offsets = array<i64: 0>, packed_bytes = 24 : i64
builtin.module attributes {spcc.weights = "tct_schedule_weights.json"} {
  func.func @main(%x: tensor<1x24x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> tensor<1x1x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<1x24x1x1xi16, #sparse_tensor.encoding<tct_entries, [4, 4], frac = 0, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x24x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x24x1x1xi16, #sparse_tensor.encoding<tct_entries, [4, 4], frac = 0, bits = 16>> -> tensor<1x1x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %y : tensor<1x1x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

// RUN: spcc-opt %s -p 'attach-target{target=gospa set="n_apu=1;cols=2"},tile,gospa-reorder-cid-pid' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=gospa set="n_apu=2;cols=1;sort_filters=1;w_half=8"},tile,gospa-reorder-cid-pid{listing=12}' | filecheck %s --check-prefix=SORTED

// Example B of the gospa sheet with a third channel that no filter reads, then a folded matmul.
// A block is [group, f0, f1, then of each chunk c0, c1, halfwords of the longest stream].
// CHECK: sparse_tensor.conv2d
// CHECK-SAME: gospa_order = {loops = "W", filters = array<i64>, blocks = [array<i64: 0, 0, 2, 0, 3, 6>]}
// CHECK-SAME: gospa_arrays = {tiles = "w.gospa_tiles", groups = "w.gospa_groups", filters = "w.gospa_filters", skipped = "w.gospa_skipped"}
// CHECK-SAME: gospa_summary = {tiles = 1 : i64, tile_sets = 1 : i64, groups = 1 : i64, channels = 3 : i64, positions = 5 : i64, skipped_channels = 1 : i64, nonzeros = 5 : i64}
// CHECK-SAME: gospa_listing = ["group 0 channel 0: {1 2}, filter 0: 1:3 2:-3", "group 0 channel 1: {0 1 3}, filter 0: 0:1, filter 1: 1:-2 3:4", "group 0 channel 2: {}"]
// CHECK-SAME: packed = "w.packed", tile_offsets = array<i64: 0>, packed_bytes = 22 : i64
// CHECK-SAME: tiling = [{a_s = 1 : i64, a_k = 1 : i64, te = 2 : i64, tf = 2 : i64, box = 9 : i64}]
// CHECK: sparse_tensor.matmul
// CHECK-SAME: blocks = [array<i64: 0, 0, 2, 0, 2, 11>]
// CHECK-SAME: gospa_listing = ["group 0 channel 0: {0 1 2}, filter 1: 0:1 1:2 2:3", "group 0 channel 1: {1}, filter 0: 1:9"]

// Filter 1 of the matmul has more weights than filter 0; streams of 7 and 5 halfwords are two chunks.
// SORTED: sparse_tensor.matmul
// SORTED-SAME: filters = array<i64: 1, 0>
// SORTED-NOT: gospa_listing
builtin.module attributes {spcc.weights = "gospa_reorder_cid_pid.json"} {
  func.func @main(%x: tensor<1x3x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, %z: tensor<1x66xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> (tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) attributes {onnx.inputs = ["x", "z"], onnx.outputs = ["y", "u"]} {
    %w = sparse_tensor.weight "w" : tensor<2x3x2x2xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>>
    %v = sparse_tensor.weight "v" : tensor<2x66xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x3x3x3xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<2x3x2x2xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>> -> tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %u = sparse_tensor.matmul %z, %v {nodes = ["u"], tensor = "u", op_type = "Gemm", placement = "native"} : tensor<1x66xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<2x66xi16, #sparse_tensor.encoding<gospa_streams, [1, 1], frac = 0, bits = 16>> -> tensor<1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %y, %u : tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<1x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

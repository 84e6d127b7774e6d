// RUN: spcc-opt %s -p 'attach-target{target=sparten set="clusters=2;cus=2;chunk=4"},tile,sparten-balance-filters' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=sparten set="clusters=2;cus=2;chunk=4;gb=S;fbuf_bytes=18"},tile,sparten-balance-filters' | filecheck %s --check-prefix=WHOLE
// RUN: spcc-opt %s -p 'attach-target{target=sparten set="clusters=2;cus=2;chunk=4;gb=none"},tile,sparten-balance-filters{listing=0}' | filecheck %s --check-prefix=NONE
// RUN: spcc-opt %s -p 'attach-target{target=sparten set="clusters=2;cus=2;chunk=4"},tile,sparten-balance-filters,sparten-pack-weights' | filecheck %s --check-prefix=PACKED

// Nonzeros 3, 4, 3, 0, 5 in chunks 1 2, 4 0, 2 1, 0 0, 3 2: the order is 4 1 0 2 and 3. In the first
// chunk the first set has 3 4 1 2, so ranks 1 0 3 2; in the second one 2 0 2 1, ranks 0 3 1 2.
// CHECK: sparten_arrays = {order = "w.sparten_order", cus = "w.sparten_cus"}
// CHECK-SAME: sparten_segments = [array<i64: 2>, array<i64: 2>]
// CHECK-SAME: sparten_balance = {gb = "H", sets = 2 : i64, segments = 2 : i64, moved_filters = 4 : i64, table_rows = 2 : i64}
// CHECK-SAME: sparten_listing = ["group 0 set 0: filters 4 1 0 2", "  chunk 0: CU 0: 1 0; CU 1: 4 2", "  chunk 1: CU 0: 4 1; CU 1: 0 2", "group 0 set 1: filters 3", "  chunk 0: CU 0: 3", "  chunk 1: CU 0: 3"]
// CHECK-SAME: tiling = [{shares = 2 : i64, batch = 1 : i64, block = 64 : i64}]

// CU 0 has filters 4 and 2: 1 + 6 + 1 + 4 = 12 bytes of chunk 0, 1 + 4 + 1 + 2 = 8 of chunk 1.
// WHOLE: sparten_segments = [array<i64: 1, 2>, array<i64: 2>]
// WHOLE-SAME: sparten_listing = ["group 0 set 0: filters 4 1 0 2", "  every chunk: CU 0: 4 2; CU 1: 1 0", "group 0 set 1: filters 3", "  every chunk: CU 0: 3"]

// NONE: sparten_balance = {gb = "none", sets = 3 : i64, segments = 3 : i64, moved_filters = 0 : i64, table_rows = 1 : i64}
// NONE-NOT: sparten_listing

// Tables of 4 outputs and 2 rows of 4 CUs, records of 8 masks and 15 values; then of one filter
// without values; then the biases.
// PACKED: packed = "w.packed", tile_offsets = array<i64: 0, 16, 54, 58, 60>, packed_bytes = 80 : i64
builtin.module attributes {spcc.weights = "sparten_balance_filters.json"} {
  func.func @main(%x: tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>) -> tensor<1x5x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<5x6x1x1xi16, #sparse_tensor.encoding<sparsemap, [4], frac = 0, bits = 16>>
    %b = sparse_tensor.weight "b" : tensor<5xi32, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<5xi32, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x6x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>, tensor<5x6x1x1xi16, #sparse_tensor.encoding<sparsemap, [4], frac = 0, bits = 16>> -> tensor<1x5x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
    func.return %y : tensor<1x5x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 0, bits = 16>>
  }
}

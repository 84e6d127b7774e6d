// RUN: spcc-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// The image holds its constants, and DRAM the image.
// CHECK: constants = 65 is outside 0..64
program.image {constants = 65 : i64, bytes = 64 : i64}

// -----

// CHECK: constants = -1 is outside 0..64
program.image {constants = -1 : i64, bytes = 64 : i64}

// -----

// CHECK: bytes = 1099511627777 is outside 0..1099511627776
program.image {constants = 0 : i64, bytes = 1099511627777 : i64}

// -----

// CHECK: property 'bytes' expected in operation 'program.image'
program.image {constants = 0 : i64}

// -----

// CHECK: dram = -8 is outside 0..1099511627776
program.segment {key = "w", dram = -8 : i64}

// -----

// CHECK: 1 : i64 should be of base attribute string
program.segment {key = 1 : i64, dram = 0 : i64}

// -----

// Tensors and layers have all their parts, of the right kind.
// CHECK: {name = "x"} is no TensorInfo: Object missing required field `dtype`
program.input {info = {name = "x"}}

// -----

// CHECK: {name = "x", dtype = 1 : i64, shape = [1 : i64], offset = 0 : i64, strides = [4 : i64], frac, bits = 32 : i64} is no TensorInfo: Expected `str`, got `int` - at `$.dtype`
program.output {info = {name = "x", dtype = 1 : i64, shape = [1 : i64], offset = 0 : i64, strides = [4 : i64], frac, bits = 32 : i64}}

// -----

// CHECK: {name = "x", dtype = "float32", shape = [1 : i64], offset = 0 : i64, strides = [4 : i64], frac, size = 1 : i64, bits = 32 : i64} is no TensorInfo: Object contains unknown field `size`
program.output {info = {name = "x", dtype = "float32", shape = [1 : i64], offset = 0 : i64, strides = [4 : i64], frac, size = 1 : i64, bits = 32 : i64}}

// -----

// CHECK: '\x' has a malformed escape
program.output {info = {name = "\\x", dtype = "float32", shape = [1 : i64], offset = 0 : i64, strides = [4 : i64], frac, bits = 32 : i64}}

// -----

// CHECK: {name = "n", op = "Conv", placement = "elsewhere"} is no LayerInfo: Invalid enum value 'elsewhere' - at `$.placement`
program.layer {info = {name = "n", op = "Conv", placement = "elsewhere"}}

// -----

// CHECK: {} is no TensorInfo: Object missing required field `name`
program.layer {info = {name = "n", op = "Conv", placement = "host"}, output = {}}

// -----

// CHECK: {} is no TensorInfo: Object missing required field `name`
program.fragment {key = "f", inputs = [{}], outputs = []}

// -----

// CHECK: {name = "x", dtype = "float32", shape = [f32], offset = 0 : i64, strides = [4 : i64], frac, bits = 32 : i64} is no TensorInfo: no plain form of f32
program.input {info = {name = "x", dtype = "float32", shape = [f32], offset = 0 : i64, strides = [4 : i64], frac, bits = 32 : i64}}

// RUN: spcc-opt %s -p 'attach-target{target=spots set="NR=4;NC=2;UNITS=2;NREG=2;G=2;SLOT=4;INBW=2;SPLIT_LT=3;FCAP=4096;WCAP=4096;ICAP=4096;OCAP=4096;RCAP=256;PCAP=64"},tile,pack-weights,allocate,convert-sparse-tensor-to-target' --split-input-file | filecheck %s

// SPOTS sheet, example 10.1 with a bias and a ReLU: load, compute, finish, store. The results leave in as many pieces
// as half of pbuf (PCAP = 64 bytes: 16 values) asks for; registers are written when they change.
// CHECK:    program.image {constants = 128 : i64, bytes = 240 : i64}
// CHECK-NEXT:    program.segment {key = "b", dram = 64 : i64}
// CHECK-NEXT:    program.segment {key = "w.packed", dram = 0 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [1 : i64, 1 : i64, 3 : i64, 5 : i64], offset = 128 : i64, strides = [30 : i64, 30 : i64, 10 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "y", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 192 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "y", op = "Conv", placement = "native", nodes = ["y"], source = "y", nominal_macs = 96 : i64, expanded_macs = 0 : i64, product_shift = 1 : i64}, output = {name = "y", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 192 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.sgeo R=2 S=2 sh=1 sw=1 dh=1 dw=1 pt=0 pl=0 H=3 W=5 OW=4 layer(0)
// CHECK-NEXT:    spots.ld mem=4 addr=0 dram=64 bytes=12 layer(0)
// CHECK-NEXT:    spots.ld mem=2 addr=0 dram=0 bytes=48 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=128 bytes=30 layer(0)
// CHECK-NEXT:    spots.sgemm split=0 F=1 Kt=3 Ct=1 Q=1 cres=1 psh=1 layer(0)
// CHECK-NEXT:    spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 layer(0)
// CHECK-NEXT:    spots.pgeo shift=3 rshift=0 lo=0 hi=32767 staged=0 residual=0 bias=1 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=2 len=8 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=192 bytes=32 layer(0)
// CHECK-NEXT:    spots.ppu src=16 dst=16 chans=1 len=8 bias=2 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=32 dram=224 bytes=16 layer(0)
// CHECK-NEXT:    spots.halt
builtin.module attributes {spcc.weights = "convert_sparse_tensor_to_target.json"} {
  func.func @main(%x: tensor<1x1x3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "w" : tensor<3x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %b = sparse_tensor.weight "b" : tensor<3xi32>
    %y = sparse_tensor.conv2d %x, %w bias %b : tensor<3xi32> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64], strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 1 : i64} : tensor<1x1x3x5xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<3x1x2x2xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// A host call in the middle: its model, its tensors in the image, and an instruction that drains the machine.
// Layers are numbered in order; what needs none is no layer. Layers of one node get names of their own.
// CHECK:    program.image {constants = 0 : i64, bytes = 304 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 0 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "v", dtype = "float32", shape = [1 : i64, 24 : i64], offset = 128 : i64, strides = [96 : i64, 4 : i64], frac, bits = 32 : i64}}
// CHECK-NEXT:    program.output {info = {name = "z", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 256 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "y", op = "Relu", placement = "native", nodes = ["y"], source = "y", nominal_macs = 0 : i64, expanded_macs = 0 : i64, product_shift}, output = {name = "y", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 64 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "h", op = "Abs", placement = "host", nodes = ["h"], source = "h", nominal_macs = 0 : i64, expanded_macs = 0 : i64, product_shift}, output = {name = "h", dtype = "float32", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 128 : i64, strides = [96 : i64, 32 : i64, 16 : i64, 4 : i64], frac, bits = 32 : i64}}
// CHECK-NEXT:    program.fragment {key = "f", inputs = [{name = "y", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 64 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}], outputs = [{name = "h", dtype = "float32", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 128 : i64, strides = [96 : i64, 32 : i64, 16 : i64, 4 : i64], frac, bits = 32 : i64}]}
// CHECK-NEXT:    program.layer {info = {name = "y.copy", op = "Copy", placement = "native", nodes = ["y"], source = "z", nominal_macs = 0 : i64, expanded_macs = 0 : i64, product_shift}, output = {name = "z", dtype = "i16", shape = [1 : i64, 3 : i64, 2 : i64, 4 : i64], offset = 256 : i64, strides = [48 : i64, 16 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.pgeo shift=0 rshift=0 lo=0 hi=32767 staged=1 residual=0 bias=0 layer(0)
// CHECK-NEXT:    spots.ld mem=3 addr=0 dram=0 bytes=32 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=1 len=16 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=64 bytes=32 layer(0)
// CHECK-NEXT:    spots.ld mem=3 addr=32 dram=32 bytes=16 layer(0)
// CHECK-NEXT:    spots.ppu src=16 dst=16 chans=1 len=8 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=32 dram=96 bytes=16 layer(0)
// CHECK-NEXT:    spots.host fragment=0 layer(1)
// CHECK-NEXT:    spots.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=1 residual=0 bias=0 layer(2)
// CHECK-NEXT:    spots.ld mem=3 addr=0 dram=64 bytes=32 layer(2)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=1 len=16 bias=0 layer(2)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=256 bytes=32 layer(2)
// CHECK-NEXT:    spots.ld mem=3 addr=32 dram=96 bytes=16 layer(2)
// CHECK-NEXT:    spots.ppu src=16 dst=16 chans=1 len=8 bias=0 layer(2)
// CHECK-NEXT:    spots.st mem=3 addr=32 dram=288 bytes=16 layer(2)
// CHECK-NEXT:    spots.halt
builtin.module attributes {spcc.weights = "convert_sparse_tensor_to_target.json"} {
  func.func @main(%x: tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x24xf32>, tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["v", "z"]} {
    %y = sparse_tensor.elementwise %x {nodes = ["y"], tensor = "y", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %h = sparse_tensor.host_call "f"(%y) {nodes = ["h"], tensors = ["h"], op_type = "Abs", reason = "no kernel"} : (tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<1x3x2x4xf32>
    %v = sparse_tensor.reshape %h {nodes = ["v"], tensor = "v", op_type = "Reshape", placement = "native"} : (tensor<1x3x2x4xf32>) -> tensor<1x24xf32>
    %z = sparse_tensor.elementwise %y {nodes = ["y"], tensor = "z", op_type = "Copy", placement = "native"} : tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %v, %z : tensor<1x24xf32>, tensor<1x3x2x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// A matmul reads [N, C] as [C][N] and writes back as strided; the layer has the shape that its ONNX tensor has.
// CHECK:    program.image {constants = 64 : i64, bytes = 136 : i64}
// CHECK-NEXT:    program.segment {key = "m.packed", dram = 0 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [2 : i64, 3 : i64], offset = 64 : i64, strides = [6 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "y", dtype = "i16", shape = [1 : i64, 2 : i64, 2 : i64], offset = 128 : i64, strides = [8 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "p", op = "Gemm", placement = "native", nodes = ["p"], source = "y", nominal_macs = 12 : i64, expanded_macs = 0 : i64, product_shift = 0 : i64}, output = {name = "y", dtype = "i16", shape = [1 : i64, 2 : i64, 2 : i64], offset = 128 : i64, strides = [8 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.sgeo R=1 S=1 sh=1 sw=1 dh=1 dw=1 pt=0 pl=0 H=1 W=2 OW=2 layer(0)
// CHECK-NEXT:    spots.ld mem=2 addr=0 dram=0 bytes=32 layer(0)
// CHECK-NEXT:    spots.dim channel=0 level=0 count=2 stride=6 layer(0)
// CHECK-NEXT:    spots.dim channel=0 level=1 count=3 stride=2 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=64 bytes=2 layer(0)
// CHECK-NEXT:    spots.sgemm split=1 F=1 Kt=2 Ct=3 Q=4 cres=3 psh=0 layer(0)
// CHECK-NEXT:    spots.conv fm=0 row0=0 oy0=0 rows=1 wt=0 ob=0 acc=0 layer(0)
// CHECK-NEXT:    spots.pgeo shift=4 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=2 len=2 bias=0 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=0 count=2 stride=4 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=1 count=2 stride=2 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=128 bytes=2 layer(0)
// CHECK-NEXT:    spots.halt
builtin.module attributes {spcc.weights = "convert_sparse_tensor_to_target.json"} {
  func.func @main(%x: tensor<2x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %m = sparse_tensor.weight "m" : tensor<2x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %p = sparse_tensor.matmul %x, %m {nodes = ["p"], tensor = "y", op_type = "Gemm", placement = "native", product_shift = 0 : i64} : tensor<2x3xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    %y = sparse_tensor.reshape %p {nodes = ["y"], tensor = "y", op_type = "Reshape", placement = "native"} : (tensor<2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> tensor<1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// Two images one after the other, weights loaded once; a residual goes to where the result is made.
// CHECK:    program.image {constants = 64 : i64, bytes = 208 : i64}
// CHECK-NEXT:    program.segment {key = "one.packed", dram = 0 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [2 : i64, 1 : i64, 1 : i64, 2 : i64], offset = 64 : i64, strides = [4 : i64, 4 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.input {info = {name = "r", dtype = "i16", shape = [2 : i64, 2 : i64, 1 : i64, 2 : i64], offset = 128 : i64, strides = [8 : i64, 4 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "y", dtype = "i16", shape = [2 : i64, 2 : i64, 1 : i64, 2 : i64], offset = 192 : i64, strides = [8 : i64, 4 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "y", op = "Conv", placement = "native", nodes = ["y"], source = "y", nominal_macs = 8 : i64, expanded_macs = 0 : i64, product_shift = 1 : i64}, output = {name = "y", dtype = "i16", shape = [2 : i64, 2 : i64, 1 : i64, 2 : i64], offset = 192 : i64, strides = [8 : i64, 4 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.sgeo R=1 S=1 sh=1 sw=1 dh=1 dw=1 pt=0 pl=0 H=1 W=2 OW=2 layer(0)
// CHECK-NEXT:    spots.ld mem=2 addr=0 dram=0 bytes=24 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=64 bytes=4 layer(0)
// CHECK-NEXT:    spots.sgemm split=1 F=1 Kt=2 Ct=1 Q=4 cres=1 psh=1 layer(0)
// CHECK-NEXT:    spots.conv fm=0 row0=0 oy0=0 rows=1 wt=0 ob=0 acc=0 layer(0)
// CHECK-NEXT:    spots.pgeo shift=3 rshift=0 lo=-32768 hi=32767 staged=0 residual=1 bias=0 layer(0)
// CHECK-NEXT:    spots.ld mem=3 addr=0 dram=128 bytes=8 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=2 len=2 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=192 bytes=8 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=2048 dram=68 bytes=4 layer(0)
// CHECK-NEXT:    spots.conv fm=256 row0=0 oy0=0 rows=1 wt=0 ob=512 acc=0 layer(0)
// CHECK-NEXT:    spots.ld mem=3 addr=32 dram=136 bytes=8 layer(0)
// CHECK-NEXT:    spots.ppu src=512 dst=16 chans=2 len=2 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=32 dram=200 bytes=8 layer(0)
// CHECK-NEXT:    spots.halt
builtin.module attributes {spcc.weights = "convert_sparse_tensor_to_target.json"} {
  func.func @main(%x: tensor<2x1x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, %r: tensor<2x2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<2x2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x", "r"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "one" : tensor<2x1x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w residual %r : tensor<2x2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 1 : i64} : tensor<2x1x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x1x1x1xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<2x2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<2x2x1x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// Channel tiles add up in the OBUF (acc); each has its weights, and the channels of the input that it reads.
// CHECK:    program.image {constants = 256 : i64, bytes = 1552 : i64}
// CHECK-NEXT:    program.segment {key = "d.packed", dram = 0 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [1 : i64, 40 : i64, 4 : i64, 4 : i64], offset = 256 : i64, strides = [1280 : i64, 32 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "y", dtype = "i16", shape = [1 : i64, 2 : i64, 2 : i64, 2 : i64], offset = 1536 : i64, strides = [16 : i64, 8 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "y", op = "Conv", placement = "native", nodes = ["y"], source = "y", nominal_macs = 2880 : i64, expanded_macs = 0 : i64, product_shift = 1 : i64}, output = {name = "y", dtype = "i16", shape = [1 : i64, 2 : i64, 2 : i64, 2 : i64], offset = 1536 : i64, strides = [16 : i64, 8 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.sgeo R=3 S=3 sh=1 sw=1 dh=1 dw=1 pt=0 pl=0 H=4 W=4 OW=2 layer(0)
// CHECK-NEXT:    spots.ld mem=2 addr=0 dram=0 bytes=112 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=256 bytes=640 layer(0)
// CHECK-NEXT:    spots.sgemm split=1 F=1 Kt=2 Ct=20 Q=1 cres=20 psh=1 layer(0)
// CHECK-NEXT:    spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 layer(0)
// CHECK-NEXT:    spots.ld mem=2 addr=2048 dram=112 bytes=112 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=2048 dram=896 bytes=640 layer(0)
// CHECK-NEXT:    spots.conv fm=256 row0=0 oy0=0 rows=2 wt=256 ob=0 acc=1 layer(0)
// CHECK-NEXT:    spots.pgeo shift=3 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=2 len=4 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=1536 bytes=16 layer(0)
// CHECK-NEXT:    spots.halt
builtin.module attributes {spcc.weights = "convert_sparse_tensor_to_target.json"} {
  func.func @main(%x: tensor<1x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "d" : tensor<2x40x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 1 : i64} : tensor<1x40x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<2x40x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// Bands of rows follow each other; each loads the input rows that it reads. Padding is not stored.
// CHECK:    program.image {constants = 192 : i64, bytes = 4920 : i64}
// CHECK-NEXT:    program.segment {key = "band.packed", dram = 0 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [1 : i64, 16 : i64, 18 : i64, 8 : i64], offset = 192 : i64, strides = [4608 : i64, 288 : i64, 16 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "y", dtype = "i16", shape = [1 : i64, 3 : i64, 5 : i64, 4 : i64], offset = 4800 : i64, strides = [120 : i64, 40 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "y", op = "Conv", placement = "native", nodes = ["y"], source = "y", nominal_macs = 8640 : i64, expanded_macs = 0 : i64, product_shift = 1 : i64}, output = {name = "y", dtype = "i16", shape = [1 : i64, 3 : i64, 5 : i64, 4 : i64], offset = 4800 : i64, strides = [120 : i64, 40 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.sgeo R=3 S=3 sh=4 sw=2 dh=1 dw=1 pt=1 pl=1 H=18 W=8 OW=4 layer(0)
// CHECK-NEXT:    spots.ld mem=2 addr=0 dram=0 bytes=168 layer(0)
// CHECK-NEXT:    spots.dim channel=0 level=0 count=16 stride=288 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=192 bytes=96 layer(0)
// CHECK-NEXT:    spots.sgemm split=0 F=1 Kt=3 Ct=16 Q=1 cres=16 psh=1 layer(0)
// CHECK-NEXT:    spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 layer(0)
// CHECK-NEXT:    spots.pgeo shift=3 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=2 len=8 bias=0 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=0 count=2 stride=40 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=4800 bytes=16 layer(0)
// CHECK-NEXT:    spots.ppu src=16 dst=16 chans=1 len=8 bias=0 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=0 count=1 stride=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=32 dram=4880 bytes=16 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=2048 dram=304 bytes=112 layer(0)
// CHECK-NEXT:    spots.conv fm=256 row0=7 oy0=2 rows=2 wt=0 ob=512 acc=0 layer(0)
// CHECK-NEXT:    spots.ppu src=512 dst=0 chans=2 len=8 bias=0 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=0 count=2 stride=40 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=4816 bytes=16 layer(0)
// CHECK-NEXT:    spots.ppu src=528 dst=16 chans=1 len=8 bias=0 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=0 count=1 stride=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=32 dram=4896 bytes=16 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=432 bytes=48 layer(0)
// CHECK-NEXT:    spots.conv fm=0 row0=15 oy0=4 rows=1 wt=0 ob=0 acc=0 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=3 len=4 bias=0 layer(0)
// CHECK-NEXT:    spots.dim channel=1 level=0 count=3 stride=40 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=4832 bytes=8 layer(0)
// CHECK-NEXT:    spots.halt
builtin.module attributes {spcc.weights = "convert_sparse_tensor_to_target.json"} {
  func.func @main(%x: tensor<1x16x18x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x3x5x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %w = sparse_tensor.weight "band" : tensor<3x16x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>>
    %y = sparse_tensor.conv2d %x, %w {nodes = ["y"], tensor = "y", op_type = "Conv", placement = "native", strides = array<i64: 4, 2>, pads = array<i64: 1, 1, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, product_shift = 1 : i64} : tensor<1x16x18x8xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>, tensor<3x16x3x3xi16, #sparse_tensor.encoding<spots_tile, [2, 1], frac = 4, bits = 16>> -> tensor<1x3x5x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x3x5x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// -----

// A pool; its average includes the padding.
// CHECK:    program.image {constants = 0 : i64, bytes = 80 : i64}
// CHECK-NEXT:    program.input {info = {name = "x", dtype = "i16", shape = [1 : i64, 2 : i64, 4 : i64, 4 : i64], offset = 0 : i64, strides = [64 : i64, 32 : i64, 8 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.output {info = {name = "y", dtype = "i16", shape = [1 : i64, 2 : i64, 2 : i64, 2 : i64], offset = 64 : i64, strides = [16 : i64, 8 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    program.layer {info = {name = "y", op = "AveragePool", placement = "native", nodes = ["y"], source = "y", nominal_macs = 0 : i64, expanded_macs = 0 : i64, product_shift}, output = {name = "y", dtype = "i16", shape = [1 : i64, 2 : i64, 2 : i64, 2 : i64], offset = 64 : i64, strides = [16 : i64, 8 : i64, 4 : i64, 2 : i64], frac = 6 : i64, bits = 16 : i64}}
// CHECK-NEXT:    spots.sgeo R=3 S=3 sh=2 sw=2 dh=1 dw=1 pt=1 pl=1 H=4 W=4 OW=2 layer(0)
// CHECK-NEXT:    spots.ld mem=1 addr=0 dram=0 bytes=64 layer(0)
// CHECK-NEXT:    spots.sgemm split=1 F=1 Kt=1 Ct=2 Q=1 cres=2 psh=0 layer(0)
// CHECK-NEXT:    spots.pool op=1 incpad=1 fm=0 row0=0 oy0=0 rows=2 ob=0 layer(0)
// CHECK-NEXT:    spots.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0 layer(0)
// CHECK-NEXT:    spots.ppu src=0 dst=0 chans=2 len=4 bias=0 layer(0)
// CHECK-NEXT:    spots.st mem=3 addr=0 dram=64 bytes=16 layer(0)
// CHECK-NEXT:    spots.halt
builtin.module {
  func.func @main(%x: tensor<1x2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) -> (tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>) attributes {onnx.inputs = ["x"], onnx.outputs = ["y"]} {
    %y = sparse_tensor.pool %x {nodes = ["y"], tensor = "y", op_type = "AveragePool", placement = "native", strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, dilations = array<i64: 1, 1>, kind = "average", kernel = array<i64: 3, 3>, include_pad = true} : tensor<1x2x4x4xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>> -> tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
    func.return %y : tensor<1x2x2x2xi16, #sparse_tensor.encoding<dense, [], frac = 6, bits = 16>>
  }
}

// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s

// CHECK:      program.image {constants = 128 : i64, bytes = 240 : i64}
// GENERIC:    "program.image"() <{constants = 128 : i64, bytes = 240 : i64}> : () -> ()
program.image {constants = 128 : i64, bytes = 240 : i64}
// CHECK-NEXT: program.segment {key = "w.packed", dram = 64 : i64}
// GENERIC-NEXT: "program.segment"() <{key = "w.packed", dram = 64 : i64}> : () -> ()
program.segment {key = "w.packed", dram = 64 : i64}
// A number that is not there, such as the fraction bits of a float, is a name without a value.
// CHECK-NEXT: program.input {info = {name = "x", dtype = "float32", shape = [1 : i64, 2 : i64], offset = 128 : i64, strides = [8 : i64, 4 : i64], frac, bits = 32 : i64}}
// GENERIC-NEXT: "program.input"() <{info = {name = "x", dtype = "float32", shape = [1 : i64, 2 : i64], offset = 128 : i64, strides = [8 : i64, 4 : i64], frac, bits = 32 : i64}}> : () -> ()
program.input {info = {name = "x", dtype = "float32", shape = [1 : i64, 2 : i64], offset = 128 : i64, strides = [8 : i64, 4 : i64], frac, bits = 32 : i64}}
// CHECK-NEXT: program.output {info = {name = "y", dtype = "i16", shape = [], offset = 192 : i64, strides = [], frac = -3 : i64, bits = 16 : i64}}
// GENERIC-NEXT: "program.output"() <{
program.output {info = {name = "y", dtype = "i16", shape = [], offset = 192 : i64, strides = [], frac = -3 : i64, bits = 16 : i64}}
// CHECK-NEXT: program.layer {info = {name = "conv", op = "Conv", placement = "native", nodes = ["conv", "relu"], source = "y", nominal_macs = 96 : i64, expanded_macs = 0 : i64}}
// GENERIC-NEXT: "program.layer"() <{info = {name = "conv"
program.layer {info = {name = "conv", op = "Conv", placement = "native", nodes = ["conv", "relu"], source = "y", nominal_macs = 96 : i64, expanded_macs = 0 : i64}}
// CHECK-NEXT: program.layer {info = {name = "copy", op = "Copy", placement = "lowered"}, output = {name = "x", dtype = "i16", shape = [], offset = 0 : i64, strides = [], frac = 1 : i64, bits = 16 : i64}}
program.layer {info = {name = "copy", op = "Copy", placement = "lowered"}, output = {name = "x", dtype = "i16", shape = [], offset = 0 : i64, strides = [], frac = 1 : i64, bits = 16 : i64}}
// CHECK-NEXT: program.fragment {key = "y.fragment", inputs = [{name = "x", dtype = "i16", shape = [], offset = 0 : i64, strides = [], frac = 1 : i64, bits = 16 : i64}], outputs = []}
// GENERIC:      "program.fragment"() <{key = "y.fragment", inputs = [{name = "x", dtype = "i16", shape = [], offset = 0 : i64, strides = [], frac = 1 : i64, bits = 16 : i64}], outputs = []}> : () -> ()
program.fragment {key = "y.fragment", inputs = [{name = "x", dtype = "i16", shape = [], offset = 0 : i64, strides = [], frac = 1 : i64, bits = 16 : i64}], outputs = []}

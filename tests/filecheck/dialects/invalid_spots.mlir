// RUN: spcc-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// Text: every field by its name, in order, as an integer; semaphores in brackets.
// CHECK: Expected 'mem'
spots.ld addr=0 mem=1 dram=0 bytes=8

// -----

// CHECK: Expected 'bytes'
spots.ld mem=1 addr=0 dram=0

// -----

// CHECK: Expected integer literal
spots.ld mem=true addr=0 dram=0 bytes=8

// -----

// CHECK: Expected integer literal
spots.ld mem=1.5 addr=0 dram=0 bytes=8

// -----

// CHECK: '(' expected
spots.ld mem=1 addr=0 dram=0 bytes=8 wait 1

// -----

// CHECK: 99999999999999999999 is more than 31
spots.ld mem=1 addr=0 dram=0 bytes=8 signal(1, 99999999999999999999)

// -----

// CHECK: Expected integer literal
spots.ld mem=1 addr=0 dram=0 bytes=8 layer(x)

// -----

// CHECK: Operation wait is not registered
spots.ld mem=1 addr=0 dram=0 bytes=8 signal(1) wait(1)

// -----

// CHECK: Operation spots.unknown is not registered
spots.unknown mem=1

// -----

// CHECK: Integer value 99999999999999999999 is out of range for type i64 which supports values in the range [-9223372036854775808, 18446744073709551616)
spots.ld mem=1 addr=0 dram=99999999999999999999 bytes=8

// -----

// Fields hold what their bits hold.
// CHECK: ld: field addr=4194304 is outside 0..4194303
spots.ld mem=1 addr=4194304 dram=0 bytes=8

// -----

// CHECK: ld: field bytes=-1 is outside 0..4194303
spots.ld mem=1 addr=0 dram=0 bytes=-1

// -----

// CHECK: pgeo: field shift=64 is outside -64..63
spots.pgeo shift=64 rshift=0 lo=0 hi=0 staged=0 residual=0 bias=0

// -----

// CHECK: pgeo: field rshift=-65 is outside -64..63
spots.pgeo shift=0 rshift=-65 lo=0 hi=0 staged=0 residual=0 bias=0

// -----

// CHECK: pgeo: field lo=-32769 is outside -32768..32767
spots.pgeo shift=0 rshift=0 lo=-32769 hi=0 staged=0 residual=0 bias=0

// -----

// CHECK: pgeo: field staged=2 is outside 0..1
spots.pgeo shift=0 rshift=0 lo=0 hi=0 staged=2 residual=0 bias=0

// -----

// CHECK: ld: field mem=16 is outside 0..15
spots.ld mem=16 addr=0 dram=0 bytes=8

// -----

// Semaphores are 1 to 31, three of them, all different; a layer has a number.
// CHECK: 32 is more than 31
spots.ld mem=1 addr=0 dram=0 bytes=8 wait(32)

// -----

// CHECK: ld: semaphore 0 is outside 1..31
spots.ld mem=1 addr=0 dram=0 bytes=8 signal(0)

// -----

// CHECK: ld: semaphores (1, 2, 3, 4) need 3 or fewer, all different
spots.ld mem=1 addr=0 dram=0 bytes=8 wait(1, 2, 3, 4)

// -----

// CHECK: ld: semaphores (7, 7) need 3 or fewer, all different
spots.ld mem=1 addr=0 dram=0 bytes=8 wait(7, 7)

// -----

// CHECK: Expected integer literal
spots.ld mem=1 addr=0 dram=0 bytes=8 layer(-1)

// -----

// The generic form is held to the same.
// CHECK: a value of halt is not an integer: 'float' object cannot be interpreted as an integer
"spots.halt"() <{wait = array<f64: 1.0>}> : () -> ()

// -----

// CHECK: property 'addr' expected in operation 'spots.ld'
"spots.ld"() <{mem = 1 : i64}> : () -> ()

// -----

// CHECK: "1" should be of base attribute integer
"spots.ld"() <{mem = "1", addr = 0 : i64, dram = 0 : i64, bytes = 0 : i64}> : () -> ()

// -----

// CHECK: property 'more' is not defined by the operation 'spots.halt'. Use the dictionary attribute to add arbitrary information to the operation.
"spots.halt"() <{more = 1 : i64}> : () -> ()

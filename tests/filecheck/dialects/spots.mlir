// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | filecheck %s --check-prefix GENERIC
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s

// One op per instruction, one property per field; semaphores and layer where there are any.

// CHECK:      spots.dim channel=1 level=0 count=3 stride=4096 layer(0)
// GENERIC:    "spots.dim"() <{channel = 1 : i64, level = 0 : i64, count = 3 : i64, stride = 4096 : i64, layer = 0 : i64}> : () -> ()
spots.dim channel=1 level=0 count=3 stride=4096 layer(0)
// CHECK-NEXT: spots.ld mem=1 addr=0 dram=1099511627775 bytes=30 signal(1, 31) layer(0)
// GENERIC-NEXT: "spots.ld"() <{mem = 1 : i64, addr = 0 : i64, dram = 1099511627775 : i64, bytes = 30 : i64, signal = array<i64: 1, 31>, layer = 0 : i64}> : () -> ()
spots.ld mem=1 addr=0 dram=1099511627775 bytes=30 signal(1, 31) layer(0)
// CHECK-NEXT: spots.st mem=3 addr=0 dram=64 bytes=30 wait(1, 2, 3) signal(4, 5, 6)
// GENERIC-NEXT: "spots.st"() <{mem = 3 : i64, addr = 0 : i64, dram = 64 : i64, bytes = 30 : i64, wait = array<i64: 1, 2, 3>, signal = array<i64: 4, 5, 6>}> : () -> ()
spots.st mem=3 addr=0 dram=64 bytes=30 wait(1, 2, 3) signal(4, 5, 6)
// CHECK-NEXT: spots.pgeo shift=-64 rshift=63 lo=-32768 hi=32767 staged=1 residual=0 bias=1
// GENERIC-NEXT: "spots.pgeo"() <{shift = -64 : i64, rshift = 63 : i64, lo = -32768 : i64, hi = 32767 : i64, staged = 1 : i64, residual = 0 : i64, bias = 1 : i64}> : () -> ()
spots.pgeo shift=-64 rshift=63 lo=-32768 hi=32767 staged=1 residual=0 bias=1
// CHECK-NEXT: spots.ppu src=4194303 dst=0 chans=2 len=8 bias=2047
spots.ppu src=4194303 dst=0 chans=2 len=8 bias=2047
// CHECK-NEXT: spots.sgeo R=63 S=1 sh=15 sw=1 dh=1 dw=15 pt=31 pl=0 H=4095 W=5 OW=4
spots.sgeo R=63 S=1 sh=15 sw=1 dh=1 dw=15 pt=31 pl=0 H=4095 W=5 OW=4
// CHECK-NEXT: spots.sgemm split=1 F=7 Kt=1023 Ct=65535 Q=1023 cres=0 psh=15
spots.sgemm split=1 F=7 Kt=1023 Ct=65535 Q=1023 cres=0 psh=15
// CHECK-NEXT: spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 wait(1) layer(7)
spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 wait(1) layer(7)
// CHECK-NEXT: spots.pool op=1 incpad=0 fm=65535 row0=0 oy0=0 rows=2 ob=262143
spots.pool op=1 incpad=0 fm=65535 row0=0 oy0=0 rows=2 ob=262143
// CHECK-NEXT: spots.host fragment=65535
spots.host fragment=65535
// CHECK-NEXT: spots.halt
// GENERIC:      "spots.halt"() : () -> ()
spots.halt

// RUN: spcc-opt %s -p 'attach-target{target=spots},insert-semaphores' --split-input-file | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=spots},insert-semaphores,insert-semaphores' --split-input-file | filecheck %s

// Read after write along the whole chain of SPOTS sheet 5's listing: both loads signal the array, which signals the
// PPU, which signals the store. One token covers both loads: the second comes later on the same unit.
// Numbers stand for pairs of units: 3 is ld to array, 8 ppu to st, 12 array to ppu. What stood there is replaced.
// CHECK:      spots.ld mem=2 addr=0 dram=0 bytes=48
// CHECK-NEXT: spots.ld mem=1 addr=0 dram=64 bytes=30 signal(3)
// CHECK-NEXT: spots.sgeo
// CHECK-NEXT: spots.sgemm
// CHECK-NEXT: spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 wait(3) signal(12)
// CHECK-NEXT: spots.pgeo
// CHECK-NEXT: spots.ppu src=0 dst=0 chans=3 len=8 bias=0 wait(12) signal(8)
// CHECK-NEXT: spots.st mem=3 addr=0 dram=128 bytes=48 wait(8)
// CHECK-NEXT: spots.halt
spots.ld mem=2 addr=0 dram=0 bytes=48 signal(31)
spots.ld mem=1 addr=0 dram=64 bytes=30
spots.sgeo R=2 S=2 sh=1 sw=1 dh=1 dw=1 pt=0 pl=0 H=3 W=5 OW=4
spots.sgemm split=0 F=1 Kt=3 Ct=1 Q=1 cres=1 psh=0
spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0 wait(31)
spots.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0
spots.ppu src=0 dst=0 chans=3 len=8 bias=0
spots.st mem=3 addr=0 dram=128 bytes=48
spots.halt

// -----

// Write after read: the input may be overwritten once the array is done with it, and so may a byte in the middle of
// the weights. Another half of the memories needs no order.
// CHECK:      spots.ld mem=2 addr=0 dram=0 bytes=48
// CHECK-NEXT: spots.ld mem=1 addr=0 dram=64 bytes=30 signal(3)
// CHECK:      spots.conv {{.*}} wait(3) signal(10)
// CHECK-NEXT: spots.ld mem=1 addr=30 dram=128 bytes=30
// CHECK-NEXT: spots.ld mem=2 addr=40 dram=192 bytes=8 wait(10)
// CHECK-NEXT: spots.ld mem=1 addr=0 dram=256 bytes=30
// CHECK-NEXT: spots.halt
spots.ld mem=2 addr=0 dram=0 bytes=48
spots.ld mem=1 addr=0 dram=64 bytes=30
spots.sgeo R=2 S=2 sh=1 sw=1 dh=1 dw=1 pt=0 pl=0 H=3 W=5 OW=4
spots.sgemm split=0 F=1 Kt=3 Ct=1 Q=1 cres=1 psh=0
spots.conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=0
spots.ld mem=1 addr=30 dram=128 bytes=30
spots.ld mem=2 addr=40 dram=192 bytes=8
spots.ld mem=1 addr=0 dram=256 bytes=30
spots.halt

// -----

// In DRAM: a load waits for the store of what it reads, strides included; between the rows there is room for others.
// CHECK:      spots.dim channel=1 level=0 count=4 stride=16
// CHECK-NEXT: spots.st mem=3 addr=0 dram=0 bytes=8 signal(4)
// CHECK-NEXT: spots.ld mem=1 addr=0 dram=8 bytes=8
// CHECK-NEXT: spots.ld mem=1 addr=8 dram=48 bytes=16 wait(4)
// CHECK-NEXT: spots.ld mem=1 addr=24 dram=0 bytes=64
// CHECK-NEXT: spots.halt
spots.dim channel=1 level=0 count=4 stride=16
spots.st mem=3 addr=0 dram=0 bytes=8
spots.ld mem=1 addr=0 dram=8 bytes=8
spots.ld mem=1 addr=8 dram=48 bytes=16
spots.ld mem=1 addr=24 dram=0 bytes=64
spots.halt

// -----

// A host call drains the machine: nothing behind it waits for what stands before.
// CHECK:      spots.st mem=3 addr=0 dram=0 bytes=8{{$}}
// CHECK-NEXT: spots.host fragment=0
// CHECK-NEXT: spots.ld mem=1 addr=0 dram=0 bytes=8{{$}}
// CHECK-NEXT: spots.halt
spots.st mem=3 addr=0 dram=0 bytes=8
spots.host fragment=0
spots.ld mem=1 addr=0 dram=0 bytes=8
spots.halt

// -----

// The PPU adds the residual in place, with biases: one token covers both loads. Store and next residual wait for all
// who touched the place, each by a token of its own (1 is ld to st, 2 ld to ppu, 4 st to ld, 7 ppu to ld).
// CHECK:      spots.ld mem=4 addr=0 dram=0 bytes=8{{$}}
// CHECK-NEXT: spots.ld mem=3 addr=0 dram=64 bytes=16 signal(1, 2)
// CHECK-NEXT: spots.pgeo
// CHECK-NEXT: spots.ppu src=0 dst=0 chans=2 len=4 bias=0 wait(2) signal(7, 8)
// CHECK-NEXT: spots.st mem=3 addr=0 dram=128 bytes=16 wait(1, 8) signal(4)
// CHECK-NEXT: spots.ld mem=3 addr=0 dram=96 bytes=16 wait(4, 7)
// CHECK-NEXT: spots.halt
spots.ld mem=4 addr=0 dram=0 bytes=8
spots.ld mem=3 addr=0 dram=64 bytes=16
spots.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=0 residual=1 bias=1
spots.ppu src=0 dst=0 chans=2 len=4 bias=0
spots.st mem=3 addr=0 dram=128 bytes=16
spots.ld mem=3 addr=0 dram=96 bytes=16
spots.halt

// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s

// The front end's own instructions; the others are dadiannao's, under its names.

// CHECK:      tct.tct.cfg h=4 ni=10 wsb=4 alcb=8 adv=256 sync=2
tct.tct.cfg h=4 ni=10 wsb=4 alcb=8 adv=256 sync=2
// CHECK-NEXT: tct.tct.mux idx=4 ahead=1 aside=-1
tct.tct.mux idx=4 ahead=1 aside=-1
// CHECK-NEXT: tct.tct.mux idx=10 ahead=15 aside=-32
tct.tct.mux idx=10 ahead=15 aside=-32
// CHECK-NEXT: tct.tct.ldw half=1 units=2047 slots=2047 bytes=16777215 mode=1 dram=1099511627775 signal(1) layer(3)
tct.tct.ldw half=1 units=2047 slots=2047 bytes=16777215 mode=1 dram=1099511627775 signal(1) layer(3)
// CHECK-NEXT: tct.tct.conv half=1 first=0 b0=2047 nb=2047 win0=16777215 nwin=1023 bank=1 wait(1) signal(2) layer(3)
tct.tct.conv half=1 first=0 b0=2047 nb=2047 win0=16777215 nwin=1023 bank=1 wait(1) signal(2) layer(3)
// CHECK-NEXT: tct.ddn.cfg tiles=4 pes=16 lanes=16 rows=64 windows=256
tct.ddn.cfg tiles=4 pes=16 lanes=16 rows=64 windows=256

// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=dadiannao set="tiles=2;pes=2;lanes=4;wm_rows=8;pb_windows=4"},insert-semaphores' | filecheck %s --check-prefix ORDER

// The listing of dadiannao sheet section 5, example E1: two chunks, one block. Each unit waits for
// what it needs of another: ld to cu (3), cu to ppu (12), ppu to st (8).

// CHECK: dadiannao.ddn.cfg tiles=2 pes=2 lanes=4 rows=4 windows=4{{$}}
// ORDER: dadiannao.ddn.cfg tiles=2 pes=2 lanes=4 rows=4 windows=4{{$}}
dadiannao.ddn.cfg tiles=2 pes=2 lanes=4 rows=4 windows=4
// CHECK-NEXT: dadiannao.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0{{$}}
// ORDER-NEXT: dadiannao.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0{{$}}
dadiannao.pgeo shift=0 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=0
// CHECK-NEXT: dadiannao.ddn.in base=0 h=1 w=2 cb=6 img=1 y0=0 pt=0 pl=0{{$}}
// ORDER-NEXT: dadiannao.ddn.in base=0 h=1 w=2 cb=6 img=1 y0=0 pt=0 pl=0{{$}}
dadiannao.ddn.in base=0 h=1 w=2 cb=6 img=1 y0=0 pt=0 pl=0
// CHECK-NEXT: dadiannao.ddn.ker kh=1 kw=1 sy=1 sx=1 dy=1 dx=1 oh=1 ow=2{{$}}
// ORDER-NEXT: dadiannao.ddn.ker kh=1 kw=1 sy=1 sx=1 dy=1 dx=1 oh=1 ow=2{{$}}
dadiannao.ddn.ker kh=1 kw=1 sy=1 sx=1 dy=1 dx=1 oh=1 ow=2
// CHECK-NEXT: dadiannao.ddn.out base=64 fb=1 oh=1 ow=2 y0=0{{$}}
// ORDER-NEXT: dadiannao.ddn.out base=64 fb=1 oh=1 ow=2 y0=0{{$}}
dadiannao.ddn.out base=64 fb=1 oh=1 ow=2 y0=0
// CHECK-NEXT: dadiannao.ddn.lda am=0 words=12 mode=0 dram=4096{{$}}
// ORDER-NEXT: dadiannao.ddn.lda am=0 words=12 mode=0 dram=4096{{$}}
dadiannao.ddn.lda am=0 words=12 mode=0 dram=4096
// CHECK-NEXT: dadiannao.ddn.ldw half=0 rows=4 slots=1 mode=0 dram=8192{{$}}
// ORDER-NEXT: dadiannao.ddn.ldw half=0 rows=4 slots=1 mode=0 dram=8192 signal(3){{$}}
dadiannao.ddn.ldw half=0 rows=4 slots=1 mode=0 dram=8192
// CHECK-NEXT: dadiannao.ddn.ldw half=1 rows=2 slots=1 mode=0 dram=8224{{$}}
// ORDER-NEXT: dadiannao.ddn.ldw half=1 rows=2 slots=1 mode=0 dram=8224 signal(3){{$}}
dadiannao.ddn.ldw half=1 rows=2 slots=1 mode=0 dram=8224
// CHECK-NEXT: dadiannao.ddn.conv half=0 first=1 b0=0 nb=6 row0=0 rows=4 win0=0 nwin=2 bank=0{{$}}
// ORDER-NEXT: dadiannao.ddn.conv half=0 first=1 b0=0 nb=6 row0=0 rows=4 win0=0 nwin=2 bank=0 wait(3){{$}}
dadiannao.ddn.conv half=0 first=1 b0=0 nb=6 row0=0 rows=4 win0=0 nwin=2 bank=0
// CHECK-NEXT: dadiannao.ddn.conv half=1 first=0 b0=0 nb=6 row0=4 rows=2 win0=0 nwin=2 bank=0{{$}}
// ORDER-NEXT: dadiannao.ddn.conv half=1 first=0 b0=0 nb=6 row0=4 rows=2 win0=0 nwin=2 bank=0 wait(3) signal(12){{$}}
dadiannao.ddn.conv half=1 first=0 b0=0 nb=6 row0=4 rows=2 win0=0 nwin=2 bank=0
// CHECK-NEXT: dadiannao.ddn.post fb0=0 tiles=1 slots=1 win0=0 nwin=2 bias=0 act=0 bank=0{{$}}
// ORDER-NEXT: dadiannao.ddn.post fb0=0 tiles=1 slots=1 win0=0 nwin=2 bias=0 act=0 bank=0 wait(12) signal(8){{$}}
dadiannao.ddn.post fb0=0 tiles=1 slots=1 win0=0 nwin=2 bias=0 act=0 bank=0
// CHECK-NEXT: dadiannao.ddn.sta am=64 words=2 mode=0 dram=12288{{$}}
// ORDER-NEXT: dadiannao.ddn.sta am=64 words=2 mode=0 dram=12288 wait(8){{$}}
dadiannao.ddn.sta am=64 words=2 mode=0 dram=12288
// CHECK-NEXT: dadiannao.halt{{$}}
// ORDER-NEXT: dadiannao.halt{{$}}
dadiannao.halt

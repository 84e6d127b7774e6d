// RUN: spcc-opt %s | spcc-opt | filecheck %s
// RUN: spcc-opt %s --print-op-generic | spcc-opt | filecheck %s

// Every instruction of its own, each field as large as it can be.

// CHECK:      sparten.sp.shape clusters=31 cus=127 chunk=2047 block=127 ibuf=16777215 fbuf=16777215
sparten.sp.shape clusters=31 cus=127 chunk=2047 block=127 ibuf=16777215 fbuf=16777215
// CHECK-NEXT: sparten.sp.cfg r=255 s=255 uh=15 uw=15 dh=15 dw=15 pt=63 pl=63 nc=4095 gb=3 as=15 cg=1048575
sparten.sp.cfg r=255 s=255 uh=15 uw=15 dh=15 dw=15 pt=63 pl=63 nc=4095 gb=3 as=15 cg=1048575
// CHECK-NEXT: sparten.sp.map h=4095 w=4095 e=4095 f=4095 n=4095
sparten.sp.map h=4095 w=4095 e=4095 f=4095 n=4095
// CHECK-NEXT: sparten.sp.lda daddr=1099511627775 row0=4095 rows=4095 img=4095 half=1 q=15 signal(1) layer(0)
sparten.sp.lda daddr=1099511627775 row0=4095 rows=4095 img=4095 half=1 q=15 signal(1) layer(0)
// CHECK-NEXT: sparten.sp.asg daddr=1099511627775 lo=4095 hi=4095 nf=255 z=15 half=1
sparten.sp.asg daddr=1099511627775 lo=4095 hi=4095 nf=255 z=15 half=1
// CHECK-NEXT: sparten.sp.ldf daddr=1099511627775 lo=4095 hi=4095 nf=255 z=15 half=1
sparten.sp.ldf daddr=1099511627775 lo=4095 hi=4095 nf=255 z=15 half=1
// CHECK-NEXT: sparten.sp.run p0=16777215 np=127 lo=4095 hi=4095 clear=1 last=1 half=1 hf=1 bank=1 sets=65535 wait(1) signal(2, 3)
sparten.sp.run p0=16777215 np=127 lo=4095 hi=4095 clear=1 last=1 half=1 hf=1 bank=1 sets=65535 wait(1) signal(2, 3)
// CHECK-NEXT: sparten.sp.drn p0=16777215 np=127 z=15 oaddr=65535 nf=255 bank=1 half=1
sparten.sp.drn p0=16777215 np=127 z=15 oaddr=65535 nf=255 bank=1 half=1
// CHECK-NEXT: sparten.sp.sto addr=131071 nf=255 z=15 half=1 row=65535 daddr=1099511627775
sparten.sp.sto addr=131071 nf=255 z=15 half=1 row=65535 daddr=1099511627775
// CHECK-NEXT: sparten.sp.ldr addr=131071 nf=255 z=15 half=1 row=65535 daddr=1099511627775
sparten.sp.ldr addr=131071 nf=255 z=15 half=1 row=65535 daddr=1099511627775

// Written by hand: avo and Go's assembler do not know AMX. The bytes are the instructions
// beside them (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2).

//go:build !purego

#include "textflag.h"

#define LDTILECFG_AX   BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00
#define TILERELEASE    BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0
#define TILEZERO_0     BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc0
#define TILEZERO_1     BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc8
#define TILEZERO_2     BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xd0
#define TILEZERO_3     BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xd8

// C: rows of 32 numbers from DX, and from CX sixteen rows below, R10 bytes apart.
#define LOAD_C0        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x04; BYTE $0x12             // tileloadd tmm0, [rdx+r10]
#define LOAD_C1        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x4c; BYTE $0x12; BYTE $0x40 // tileloadd tmm1, [rdx+r10+64]
#define LOAD_C2        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x14; BYTE $0x11             // tileloadd tmm2, [rcx+r10]
#define LOAD_C3        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x5c; BYTE $0x11; BYTE $0x40 // tileloadd tmm3, [rcx+r10+64]
#define STORE_C0       BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x04; BYTE $0x12             // tilestored [rdx+r10], tmm0
#define STORE_C1       BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x4c; BYTE $0x12; BYTE $0x40 // tilestored [rdx+r10+64], tmm1
#define STORE_C2       BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x14; BYTE $0x11             // tilestored [rcx+r10], tmm2
#define STORE_C3       BYTE $0xc4; BYTE $0xa2; BYTE $0x7a; BYTE $0x4b; BYTE $0x5c; BYTE $0x11; BYTE $0x40 // tilestored [rcx+r10+64], tmm3

// A: rows of 16 pairs from SI, and from R11 sixteen rows below, R8 bytes apart.
#define LOAD_A0        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x24; BYTE $0x06             // tileloadd tmm4, [rsi+r8]
#define LOAD_A1        BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $0x2c; BYTE $0x03             // tileloadd tmm5, [r11+r8]

// B: 16 rows of 32 pairs from DI, R9 bytes apart.
#define LOAD_B0        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x34; BYTE $0x0f             // tileloadd tmm6, [rdi+r9]
#define LOAD_B1        BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $0x7c; BYTE $0x0f; BYTE $0x40 // tileloadd tmm7, [rdi+r9+64]

#define MULTIPLY_00    BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $0xc4 // tdpbf16ps tmm0, tmm4, tmm6
#define MULTIPLY_01    BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $0xcc // tdpbf16ps tmm1, tmm4, tmm7
#define MULTIPLY_10    BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $0xd5 // tdpbf16ps tmm2, tmm5, tmm6
#define MULTIPLY_11    BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $0xdd // tdpbf16ps tmm3, tmm5, tmm7

#define TALL $1
#define WIDE $2
#define ADD  $4

// func amxTiles(cfg *tileConfig, flags, down, across, k int, a *float32, lda int, b *float32, ldb, next int, c *float32, ldc int)
TEXT ·amxTiles(SB), NOSPLIT, $0-96
	MOVQ cfg+0(FP), AX
	MOVQ flags+8(FP), BX
	MOVQ lda+48(FP), R8
	MOVQ ldb+64(FP), R9
	MOVQ ldc+88(FP), R10
	SHLQ $2, R8
	SHLQ $2, R9
	SHLQ $2, R10
	SHLQ $2, next+72(FP)
	LDTILECFG_AX
	MOVQ R9, R15
	SHLQ $4, R15 // bytes from 16 rows of B to the next

panel:
	MOVQ down+16(FP), R12
	MOVQ a+40(FP), R13
	MOVQ c+80(FP), DX

rows:
	MOVQ  R10, CX
	SHLQ  $4, CX
	ADDQ  DX, CX
	TESTQ ADD, BX
	JZ    zero
	LOAD_C0
	TESTQ WIDE, BX
	JZ    narrowload
	LOAD_C1

narrowload:
	TESTQ TALL, BX
	JZ    sum
	LOAD_C2
	TESTQ WIDE, BX
	JZ    sum
	LOAD_C3
	JMP   sum

zero:
	TILEZERO_0
	TESTQ WIDE, BX
	JZ    narrowzero
	TILEZERO_1

narrowzero:
	TESTQ TALL, BX
	JZ    sum
	TILEZERO_2
	TESTQ WIDE, BX
	JZ    sum
	TILEZERO_3

sum:
	MOVQ R13, SI
	MOVQ R8, R11
	SHLQ $4, R11
	ADDQ SI, R11
	MOVQ b+56(FP), DI
	MOVQ k+32(FP), R14

loop:
	LOAD_A0
	LOAD_B0
	MULTIPLY_00
	TESTQ WIDE, BX
	JZ    narrow
	LOAD_B1
	MULTIPLY_01
	TESTQ TALL, BX
	JZ    next
	LOAD_A1
	MULTIPLY_10
	MULTIPLY_11
	JMP   next

narrow:
	TESTQ TALL, BX
	JZ    next
	LOAD_A1
	MULTIPLY_10

next:
	ADDQ $64, SI
	ADDQ $64, R11
	ADDQ R15, DI
	DECQ R14
	JNZ  loop

	STORE_C0
	TESTQ WIDE, BX
	JZ    narrowstore
	STORE_C1

narrowstore:
	TESTQ TALL, BX
	JZ    stored
	STORE_C2
	TESTQ WIDE, BX
	JZ    stored
	STORE_C3

stored:
	MOVQ R8, AX
	SHLQ $5, AX
	ADDQ AX, R13
	MOVQ R10, AX
	SHLQ $5, AX
	ADDQ AX, DX
	DECQ R12
	JNZ  rows

	MOVQ next+72(FP), AX
	ADDQ AX, b+56(FP)
	ADDQ $128, c+80(FP)
	DECQ across+24(FP)
	JNZ  panel

	TILERELEASE
	RET

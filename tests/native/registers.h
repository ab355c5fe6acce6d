/* SPDX-License-Identifier: MIT */
/*
 * What a function leaves in registers, for each architecture:
 *   call_and_save(function, out, len, key, save)	calls function(out, len, key) with all vector registers painted, and
 *						saves the ones that a call may change: REGISTERS vectors, then GENERAL others
 *   KEPT(register, byte)			whether this byte of a vector register is the caller's, and has to come back
 * A vector is 16 bytes here: the first of each register, in memory's order.
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#define VECTOR_PAINT 0xa5

struct saved {
	unsigned char vector[64][16];
	uint64_t general[16];
};

typedef void function(unsigned char *out, size_t len, unsigned char *key);

void call_and_save(function *called, unsigned char *out, size_t len, unsigned char *key, struct saved *save);

extern const unsigned char vector_paint[16];

#define ALL_16(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define ALL_32(f) ALL_16(f) f(16) f(17) f(18) f(19) f(20) f(21) f(22) f(23) f(24) f(25) f(26) f(27) f(28) f(29) f(30) f(31)
#define ALL_64(f) ALL_32(f) f(32) f(33) f(34) f(35) f(36) f(37) f(38) f(39) f(40) f(41) f(42) f(43) f(44) f(45) f(46) f(47) \
	f(48) f(49) f(50) f(51) f(52) f(53) f(54) f(55) f(56) f(57) f(58) f(59) f(60) f(61) f(62) f(63)

#define BEGIN(name) ".text\n.globl " #name "\n.type " #name ",%function\n.p2align 4\n" #name ":\n"

#if defined(__x86_64__)
#define REGISTERS 16
#define GENERAL 8
#define KEPT(register, byte) 0
#define LOAD(n) "movdqu vector_paint(%rip), %xmm" #n "\n"
#define SAVE(n) "movdqu %xmm" #n ", " #n "*16(%rbx)\n"
__asm__(BEGIN(call_and_save) "pushq %rbx\nmovq %r8, %rbx\nmovq %rdi, %rax\nmovq %rsi, %rdi\nmovq %rdx, %rsi\nmovq %rcx, %rdx\n"
	ALL_16(LOAD) "call *%rax\n"
	"movq %rcx, 1024(%rbx)\nmovq %rdx, 1032(%rbx)\nmovq %rsi, 1040(%rbx)\nmovq %rdi, 1048(%rbx)\n"
	"movq %r8, 1056(%rbx)\nmovq %r9, 1064(%rbx)\nmovq %r10, 1072(%rbx)\nmovq %r11, 1080(%rbx)\n"
	ALL_16(SAVE) "popq %rbx\nret\n");

#elif defined(__aarch64__)
#define REGISTERS 32
#define GENERAL 16
#define KEPT(register, byte) ((register) >= 8 && (register) < 16 && (byte) < 8)
#define LOAD(n) "ldr q" #n ", [x16]\n"
#define SAVE(n) "str q" #n ", [x19, #" #n "*16]\n"
__asm__(BEGIN(call_and_save) "sub sp, sp, #96\nstp x19, x30, [sp]\nstp d8, d9, [sp, #16]\nstp d10, d11, [sp, #32]\n"
	"stp d12, d13, [sp, #48]\nstp d14, d15, [sp, #64]\nmov x19, x4\nmov x17, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\n"
	"adrp x16, vector_paint\nadd x16, x16, :lo12:vector_paint\n" ALL_32(LOAD) "blr x17\n" ALL_32(SAVE)
	"add x19, x19, #1024\nstp x0, x1, [x19]\nstp x2, x3, [x19, #16]\nstp x4, x5, [x19, #32]\nstp x6, x7, [x19, #48]\n"
	"stp x8, x9, [x19, #64]\nstp x10, x11, [x19, #80]\nstp x12, x13, [x19, #96]\nstp x14, x15, [x19, #112]\n"
	"ldp d14, d15, [sp, #64]\nldp d12, d13, [sp, #48]\nldp d10, d11, [sp, #32]\nldp d8, d9, [sp, #16]\n"
	"ldp x19, x30, [sp]\nadd sp, sp, #96\nret\n");

#elif defined(__powerpc64__)
#define REGISTERS 64
#define GENERAL 10
/* lxvd2x and stxvd2x have each half in memory as the register has it: the first half is f14 to f31. */
#define KEPT(register, byte) ((register) >= 52 || ((register) >= 14 && (register) < 32 && (byte) < 8))
#define LOAD(n) "lxvd2x " #n ",0,8\n"
#define SAVE(n) "stxvd2x " #n ",0,31\naddi 31,31,16\n"
#define KEEP(n) "stxvd2x " #n ",0,11\naddi 11,11,16\n"
#define BACK(n) "lxvd2x " #n ",0,11\naddi 11,11,16\n"
#define ALL_KEPT(f) f(14) f(15) f(16) f(17) f(18) f(19) f(20) f(21) f(22) f(23) f(24) f(25) f(26) f(27) f(28) f(29) f(30) f(31) \
	f(52) f(53) f(54) f(55) f(56) f(57) f(58) f(59) f(60) f(61) f(62) f(63)
__asm__(BEGIN(call_and_save) "0: addis 2,12,.TOC.-0b@ha\naddi 2,2,.TOC.-0b@l\n.localentry call_and_save,.-call_and_save\n"
	"mflr 0\nstd 0,16(1)\nstdu 1,-640(1)\nstd 31,632(1)\nstd 2,24(1)\naddi 11,1,48\n" ALL_KEPT(KEEP)
	"mr 31,7\nmr 12,3\nmr 3,4\nmr 4,5\nmr 5,6\naddis 8,2,vector_paint@toc@ha\naddi 8,8,vector_paint@toc@l\n" ALL_64(LOAD)
	"mtctr 12\nbctrl\nld 2,24(1)\n"
	"std 3,1024(31)\nstd 4,1032(31)\nstd 5,1040(31)\nstd 6,1048(31)\nstd 7,1056(31)\nstd 8,1064(31)\nstd 9,1072(31)\n"
	"std 10,1080(31)\nstd 11,1088(31)\nstd 0,1096(31)\n" ALL_64(SAVE)
	"addi 11,1,48\n" ALL_KEPT(BACK) "ld 31,632(1)\naddi 1,1,640\nld 0,16(1)\nmtlr 0\nblr\n");

#elif defined(__s390x__)
#define REGISTERS 32
#define GENERAL 6
#define KEPT(register, byte) ((register) >= 8 && (register) < 16 && (byte) < 8)
#define LOAD(n) "vl %v" #n ",0(%r5)\n"
#define SAVE(n) "vst %v" #n "," #n "*16(%r11)\n"
__asm__(".machine z13\n" BEGIN(call_and_save) "stmg %r11,%r15,88(%r15)\naghi %r15,-224\n"
	"std %f8,160(%r15)\nstd %f9,168(%r15)\nstd %f10,176(%r15)\nstd %f11,184(%r15)\n"
	"std %f12,192(%r15)\nstd %f13,200(%r15)\nstd %f14,208(%r15)\nstd %f15,216(%r15)\n"
	"lgr %r11,%r6\nlgr %r1,%r2\nlgr %r2,%r3\nlgr %r3,%r4\nlgr %r4,%r5\nlarl %r5,vector_paint\n" ALL_32(LOAD)
	"basr %r14,%r1\n" ALL_32(SAVE)
	"stg %r0,1024(%r11)\nstg %r1,1032(%r11)\nstg %r2,1040(%r11)\nstg %r3,1048(%r11)\nstg %r4,1056(%r11)\nstg %r5,1064(%r11)\n"
	"ld %f8,160(%r15)\nld %f9,168(%r15)\nld %f10,176(%r15)\nld %f11,184(%r15)\n"
	"ld %f12,192(%r15)\nld %f13,200(%r15)\nld %f14,208(%r15)\nld %f15,216(%r15)\n"
	"lmg %r11,%r15,312(%r15)\nbr %r14\n");

#elif defined(__loongarch64)
#define REGISTERS 32
#define GENERAL 16
#define KEPT(register, byte) ((register) >= 24 && (byte) < 8)
#define LOAD(n) "vld $vr" #n ", $t0, 0\n"
#define SAVE(n) "vst $vr" #n ", $s0, " #n "*16\n"
__asm__(BEGIN(call_and_save) "addi.d $sp, $sp, -96\nst.d $ra, $sp, 0\nst.d $s0, $sp, 8\nfst.d $fs0, $sp, 16\nfst.d $fs1, $sp, 24\n"
	"fst.d $fs2, $sp, 32\nfst.d $fs3, $sp, 40\nfst.d $fs4, $sp, 48\nfst.d $fs5, $sp, 56\nfst.d $fs6, $sp, 64\nfst.d $fs7, $sp, 72\n"
	"move $s0, $a4\nmove $t1, $a0\nmove $a0, $a1\nmove $a1, $a2\nmove $a2, $a3\nla.pcrel $t0, vector_paint\n" ALL_32(LOAD)
	"jirl $ra, $t1, 0\n" ALL_32(SAVE)
	"st.d $a0, $s0, 1024\nst.d $a1, $s0, 1032\nst.d $a2, $s0, 1040\nst.d $a3, $s0, 1048\nst.d $a4, $s0, 1056\nst.d $a5, $s0, 1064\n"
	"st.d $a6, $s0, 1072\nst.d $a7, $s0, 1080\nst.d $t0, $s0, 1088\nst.d $t1, $s0, 1096\nst.d $t2, $s0, 1104\nst.d $t3, $s0, 1112\n"
	"st.d $t4, $s0, 1120\nst.d $t5, $s0, 1128\nst.d $t6, $s0, 1136\nst.d $t7, $s0, 1144\n"
	"fld.d $fs0, $sp, 16\nfld.d $fs1, $sp, 24\nfld.d $fs2, $sp, 32\nfld.d $fs3, $sp, 40\nfld.d $fs4, $sp, 48\nfld.d $fs5, $sp, 56\n"
	"fld.d $fs6, $sp, 64\nfld.d $fs7, $sp, 72\nld.d $ra, $sp, 0\nld.d $s0, $sp, 8\naddi.d $sp, $sp, 96\nret\n");

#elif defined(__riscv)
#define REGISTERS 32
#define GENERAL 15
#define KEPT(register, byte) 0
#define LOAD(n) "vle8.v v" #n ", (t0)\n"
#define SAVE(n) "vse8.v v" #n ", (t0)\naddi t0, t0, 16\n"
__asm__(".option push\n.option arch, +v\n" BEGIN(call_and_save) "addi sp, sp, -16\nsd ra, 0(sp)\nsd s0, 8(sp)\nmv s0, a4\nmv t1, a0\n"
	"mv a0, a1\nmv a1, a2\nmv a2, a3\nvsetivli zero, 16, e8, m1, ta, ma\nlla t0, vector_paint\n" ALL_32(LOAD) "jalr t1\n"
	"sd a0, 1024(s0)\nsd a1, 1032(s0)\nsd a2, 1040(s0)\nsd a3, 1048(s0)\nsd a4, 1056(s0)\nsd a5, 1064(s0)\nsd a6, 1072(s0)\n"
	"sd a7, 1080(s0)\nsd t0, 1088(s0)\nsd t1, 1096(s0)\nsd t2, 1104(s0)\nsd t3, 1112(s0)\nsd t4, 1120(s0)\nsd t5, 1128(s0)\n"
	"sd t6, 1136(s0)\nvsetivli zero, 16, e8, m1, ta, ma\nmv t0, s0\n" ALL_32(SAVE)
	"ld ra, 0(sp)\nld s0, 8(sp)\naddi sp, sp, 16\nret\n.option pop\n");
#endif

#endif

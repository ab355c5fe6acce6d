/* SPDX-License-Identifier: MIT */
/* long syscall(long number, ...): as in syscall-x86_64.S, no stack is used across the system call. */
#include <sys/syscall.h>

	.abiversion 2
	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
0:	addis	2, 12, .TOC. - 0b@ha
	addi	2, 2, .TOC. - 0b@l
	.localentry syscall, . - syscall
	cmpdi	3, SYS_getrandom
	beq	1f
	mr	0, 3
	mr	3, 4
	mr	4, 5
	mr	5, 6
	mr	6, 7
	mr	7, 8
	mr	8, 9
	sc
	bnslr
	neg	3, 3			/* the errno comes positive, flagged in CR0.SO */
	b	vgetrandom_libc_errno_return
1:	mr	3, 4
	mr	4, 5
	clrldi	5, 6, 32
	b	vgetrandom_local
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/* long syscall(long number, ...): as in syscall-x86_64.S, no stack is used across the system call. */
#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, %function
syscall:
	.cfi_startproc
	hint	34			/* bti c */
	cmp	x0, #SYS_getrandom
	b.eq	1f
	mov	x8, x0
	mov	x0, x1
	mov	x1, x2
	mov	x2, x3
	mov	x3, x4
	mov	x4, x5
	mov	x5, x6
	svc	0
	cmn	x0, #4095
	b.cs	2f
	ret
1:	mov	x0, x1
	mov	x1, x2
	mov	w2, w3
	b	vgetrandom_local
2:	b	vgetrandom_libc_errno_return
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", %progbits
	.section .note.gnu.property, "a"
	.p2align 3
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 3	/* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI and PAC */
	.p2align 3

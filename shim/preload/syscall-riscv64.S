/* SPDX-License-Identifier: MIT */
/* long syscall(long number, ...): as in syscall-x86_64.S, no stack is used across the system call. */
#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	li	t0, SYS_getrandom
	beq	a0, t0, 1f
	mv	a7, a0
	mv	a0, a1
	mv	a1, a2
	mv	a2, a3
	mv	a3, a4
	mv	a4, a5
	mv	a5, a6
	ecall
	li	t0, -4096
	bltu	t0, a0, 2f
	ret
1:	mv	a0, a1
	mv	a1, a2
	sext.w	a2, a3
	tail	vgetrandom_local
2:	tail	vgetrandom_libc_errno_return
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits

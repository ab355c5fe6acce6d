/* SPDX-License-Identifier: MIT */
/* long syscall(long number, ...): as in syscall-x86_64.S, no stack is used across the system call. */
#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	cghi	%r2, SYS_getrandom
	je	1f
	stmg	%r6, %r7, 48(%r15)	/* call-saved, and the fifth and sixth argument's registers */
	lgr	%r1, %r2
	lgr	%r2, %r3
	lgr	%r3, %r4
	lgr	%r4, %r5
	lgr	%r5, %r6
	lg	%r6, 160(%r15)
	lg	%r7, 168(%r15)
	svc	0
	lmg	%r6, %r7, 48(%r15)
	lghi	%r0, -4096
	clgr	%r2, %r0
	jgh	vgetrandom_libc_errno_return
	br	%r14
1:	lgr	%r2, %r3
	lgr	%r3, %r4
	llgfr	%r4, %r5
	jg	vgetrandom_local
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits

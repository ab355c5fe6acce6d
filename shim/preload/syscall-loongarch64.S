/* SPDX-License-Identifier: MIT */
/* long syscall(long number, ...): as in syscall-x86_64.S, no stack is used across the system call. */
#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	li.w	$t0, SYS_getrandom
	beq	$a0, $t0, 1f
	move	$a7, $a0
	move	$a0, $a1
	move	$a1, $a2
	move	$a2, $a3
	move	$a3, $a4
	move	$a4, $a5
	move	$a5, $a6
	syscall	0
	li.w	$t0, -4096
	bltu	$t0, $a0, 2f
	jr	$ra
1:	move	$a0, $a1
	move	$a1, $a2
	slli.w	$a2, $a3, 0
	b	vgetrandom_local
2:	b	vgetrandom_libc_errno_return
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits

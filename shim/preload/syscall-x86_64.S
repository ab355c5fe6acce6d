/* SPDX-License-Identifier: MIT */
/*
 * long syscall(long number, ...), syscall(2): getrandom is served like getrandom(); every other number is what
 * libc's own function makes of it. No stack is used across the `syscall` instruction: after clone, the child returns
 * on a stack of its own; after vfork, two processes return from this frame.
 */
#include <sys/syscall.h>

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	endbr64
	cmpq	$SYS_getrandom, %rdi
	je	1f
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %r10
	movq	%r9, %r8
	movq	8(%rsp), %r9
	syscall
	cmpq	$-4095, %rax
	jae	2f
	ret
1:	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movl	%ecx, %edx
	jmp	vgetrandom_local
2:	movq	%rax, %rdi
	jmp	vgetrandom_libc_errno_return
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3	/* GNU_PROPERTY_X86_FEATURE_1_AND: IBT and SHSTK */
	.p2align 3

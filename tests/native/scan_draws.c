/* SPDX-License-Identifier: MIT */
/*
 * Draws 50 times in the one way that HOW names, for the verdicts of scan: each way leaves other traces in the file.
 * Prints nothing; exit status 0 when every draw came.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TIMES 50
#define SIZE 16

#define BY_GETRANDOM 1
#define BY_GETENTROPY 2
#define BY_SYSCALL 3
#define BY_INSTRUCTION 4
#define BY_DEVICE 5
#define BY_DLSYM 6
#define BY_BOTH 7	/* getrandom() and the instruction */
#define BY_OWN 8	/* a getrandom() that this program defines and exports */
#define BY_NAME 9	/* libc's own draws, for the names of temporary files */
#define BY_NOTHING 10

#if HOW == BY_INSTRUCTION || HOW == BY_BOTH || HOW == BY_OWN
static long enter_kernel(void *buffer, size_t size, unsigned int flags)
{
	long result;

#if defined(__x86_64__)
	register unsigned long third __asm__("rdx") = flags;
	__asm__ volatile("movl $318, %%eax\n\tsyscall"
			 : "=&a"(result) : "D"(buffer), "S"(size), "r"(third) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register void *first __asm__("x0") = buffer;
	register size_t second __asm__("x1") = size;
	register unsigned long third __asm__("x2") = flags;
	__asm__ volatile("mov x8, #278\n\tsvc #0" : "+r"(first) : "r"(second), "r"(third) : "x8", "memory");
	result = (long)first;
#elif defined(__riscv)
	register void *first __asm__("a0") = buffer;
	register size_t second __asm__("a1") = size;
	register unsigned long third __asm__("a2") = flags;
	__asm__ volatile("li a7, 278\n\tecall" : "+r"(first) : "r"(second), "r"(third) : "a7", "memory");
	result = (long)first;
#elif defined(__powerpc64__)
	register void *first __asm__("r3") = buffer;
	register size_t second __asm__("r4") = size;
	register unsigned long third __asm__("r5") = flags;
	__asm__ volatile("li 0, 359\n\tsc" : "+r"(first), "+r"(second), "+r"(third) : : "r0", "r6", "r7", "r8", "r9",
			 "r10", "r11", "r12", "cr0", "memory");
	result = (long)first;
#elif defined(__s390x__)
	register void *first __asm__("r2") = buffer;
	register size_t second __asm__("r3") = size;
	register unsigned long third __asm__("r4") = flags;
	__asm__ volatile("lghi %%r1, 349\n\tsvc 0" : "+r"(first) : "r"(second), "r"(third) : "r1", "memory");
	result = (long)first;
#elif defined(__loongarch64)
	register void *first __asm__("a0") = buffer;
	register size_t second __asm__("a1") = size;
	register unsigned long third __asm__("a2") = flags;
	__asm__ volatile("ori $a7, $zero, 278\n\tsyscall 0" : "+r"(first) : "r"(second), "r"(third) : "a7", "memory",
			 "$t0", "$t1", "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8");
	result = (long)first;
#endif
	return result;
}
#endif

#if HOW == BY_OWN
__attribute__((visibility("default"))) ssize_t getrandom(void *buffer, size_t size, unsigned int flags)
{
	return enter_kernel(buffer, size, flags);
}
#endif

static int draw(unsigned char *buffer)
{
#if HOW == BY_GETRANDOM || HOW == BY_OWN
	return getrandom(buffer, SIZE, 0) == SIZE;
#elif HOW == BY_GETENTROPY
	return getentropy(buffer, SIZE) == 0;
#elif HOW == BY_SYSCALL
	return syscall(SYS_getrandom, buffer, SIZE, 0) == SIZE;
#elif HOW == BY_INSTRUCTION
	return enter_kernel(buffer, SIZE, 0) == SIZE;
#elif HOW == BY_DEVICE
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	int came = fd >= 0 && read(fd, buffer, SIZE) == SIZE;

	close(fd);
	return came;
#elif HOW == BY_DLSYM
	ssize_t (*found)(void *, size_t, unsigned int);

	*(void **)&found = dlsym(RTLD_DEFAULT, "getrandom");
	return found && found(buffer, SIZE, 0) == SIZE;
#elif HOW == BY_BOTH
	return getrandom(buffer, SIZE, 0) == SIZE && enter_kernel(buffer, SIZE, 0) == SIZE;
#elif HOW == BY_NAME
	char name[] = "scan-XXXXXX";
	int fd = mkstemp(name);

	(void)buffer;
	unlink(name);
	return fd >= 0 && close(fd) == 0;
#else
	/* The system call's number and its name mean nothing where neither is used. */
	buffer[0] = (unsigned char)syscall(SYS_gettid);
	return 1;
#endif
}

int main(void)
{
	unsigned char buffer[SIZE];

	for (int i = 0; i < TIMES; i++)
		if (!draw(buffer))
			return 1;
	return 0;
}

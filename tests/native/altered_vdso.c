/* SPDX-License-Identifier: MIT */
/*
 * Runs a program whose vDSO is not what this kernel's is: hidden, or with another getrandom. Traces the program until
 * its exec, when neither the loader nor anything else has run yet, changes what it will see, and lets it go.
 * Linked statically, so that what is preloaded into the program is not into this one.
 *
 * Usage: altered_vdso HOW PROGRAM ARGUMENT...
 *	hidden		the auxiliary vector has no AT_SYSINFO_EHDR
 *	nameless	the image has no function of that name
 *	unversioned	nor one of that version
 *	refuses		the function fails with ENOSYS whatever it is asked
 *	size=BYTES	it tells states of that size, and each draw returns the size of state that it was given
 *	prot=NUMBER	it asks for mappings of that protection
 *	flags=NUMBER	it asks for mappings with these flags
 *	answers=ERRNO	it tells its parameters, and answers every draw with an error
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME	"__vdso_getrandom"
#define VERSION	"LINUX_2.6"

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

/* ---- The traced program's memory ---- */

static uint64_t peek(pid_t child, uint64_t address)
{
	uint64_t word;

	errno = 0;
	word = (uint64_t)ptrace(PTRACE_PEEKDATA, child, address, NULL);
	if (errno)
		fail("peek");
	return word;
}

/* The kernel lets a tracer write to read-only private pages: they are copied for this process. */
static void poke(pid_t child, uint64_t address, const void *bytes, size_t count)
{
	uint64_t first = address & ~UINT64_C(7);
	unsigned char words[256];
	size_t i;

	for (i = 0; i < sizeof(words) && first + i < address + count; i += 8) {
		uint64_t word = peek(child, first + i);

		memcpy(words + i, &word, 8);
	}
	memcpy(words + (address - first), bytes, count);
	for (i = 0; i < sizeof(words) && first + i < address + count; i += 8) {
		uint64_t word;

		memcpy(&word, words + i, 8);
		if (ptrace(PTRACE_POKEDATA, child, first + i, word))
			fail("poke");
	}
}

/* The address, on the program's first stack, of its AT_SYSINFO_EHDR entry (System V ABI, initial process stack). */
static uint64_t vdso_entry(pid_t child)
{
	struct user_regs_struct registers;
	uint64_t at;

	if (ptrace(PTRACE_GETREGS, child, NULL, &registers))
		fail("registers");
	at = registers.rsp + 8 + 8 * (peek(child, registers.rsp) + 1);
	while (peek(child, at))	/* the environment */
		at += 8;
	for (at += 8; peek(child, at) != AT_SYSINFO_EHDR; at += 16)
		if (peek(child, at) == AT_NULL)
			exit(98);	/* this kernel gives no vDSO */
	return at;
}

/* ---- This process's own image: the program's is the same at another address ---- */

struct own {
	const char *image, *strings;
	const Elf64_Sym *function;
	const Elf64_Dyn *dynamic;
};

static const void *table(const struct own *own, Elf64_Sxword tag)
{
	for (const Elf64_Dyn *entry = own->dynamic; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag)
			return own->image + entry->d_un.d_ptr;
	exit(98);
}

static struct own read_own(void)
{
	struct own own = { .image = (const char *)getauxval(AT_SYSINFO_EHDR) };
	const Elf64_Ehdr *header = (const void *)own.image;
	const Elf64_Phdr *segment = (const void *)(own.image + header->e_phoff);
	const Elf64_Sym *symbol;

	for (int i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_DYNAMIC)
			own.dynamic = (const void *)(own.image + segment[i].p_offset);
	own.strings = table(&own, DT_STRTAB);
	for (symbol = table(&own, DT_SYMTAB); (const char *)symbol < own.strings; symbol++)
		if (!strcmp(own.strings + symbol->st_name, NAME))
			own.function = symbol;
	if (!own.function)
		exit(98);	/* this kernel's vDSO has no getrandom */
	return own;
}

/* Where a string begins in the image's string table. */
static uint64_t string_offset(const struct own *own, const char *text)
{
	const char *string = own->strings;

	while (strcmp(string, text))
		string += strlen(string) + 1;
	return (uint64_t)(string - own->image);
}

/*
 * A function in the place of the vDSO's. f(buf, len, flags, state, ~0) fills the three words at state and returns 0;
 * any other call returns `answer`, or its last argument when that is 0.
 */
static size_t compose(unsigned char *code, uint32_t size, uint32_t prot, uint32_t flags, int32_t answer)
{
	static const unsigned char start[] = {
		0xf3, 0x0f, 0x1e, 0xfa,		/* endbr64 */
		0x49, 0x83, 0xf8, 0xff,		/* cmp $-1,%r8 */
		0x75, 0x18,			/* jne to the last mov */
	};
	unsigned char *to = code;

	memcpy(to, start, sizeof(start));
	to += sizeof(start);
	*to++ = 0xc7, *to++ = 0x01;		/* movl size,(%rcx) */
	memcpy(to, &size, 4), to += 4;
	*to++ = 0xc7, *to++ = 0x41, *to++ = 4;	/* movl prot,4(%rcx) */
	memcpy(to, &prot, 4), to += 4;
	*to++ = 0xc7, *to++ = 0x41, *to++ = 8;	/* movl flags,8(%rcx) */
	memcpy(to, &flags, 4), to += 4;
	*to++ = 0x31, *to++ = 0xc0, *to++ = 0xc3;	/* xor %eax,%eax; ret */
	code[sizeof(start) - 1] = (unsigned char)(to - code - sizeof(start));
	if (answer) {
		*to++ = 0x48, *to++ = 0xc7, *to++ = 0xc0;	/* mov answer,%rax */
		memcpy(to, &answer, 4), to += 4;
	} else {
		*to++ = 0x4c, *to++ = 0x89, *to++ = 0xc0;	/* mov %r8,%rax */
	}
	*to++ = 0xc3;
	return (size_t)(to - code);
}

static void alter(pid_t child, const char *how)
{
	static const unsigned char refuse[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0xc3 };
	uint64_t entry = vdso_entry(child), image = peek(child, entry + 8), ignore = AT_IGNORE;
	uint32_t size = 144, prot = 3, flags = 0x28, number = 0;
	struct own own = read_own();
	unsigned char code[128];
	int32_t answer = 0;

	if (strchr(how, '='))
		number = (uint32_t)strtoul(strchr(how, '=') + 1, NULL, 0);
	if (!strcmp(how, "hidden")) {
		poke(child, entry, &ignore, 8);
	} else if (!strcmp(how, "nameless")) {
		poke(child, image + string_offset(&own, NAME) + 7, "X", 1);
	} else if (!strcmp(how, "unversioned")) {
		poke(child, image + string_offset(&own, VERSION), "X", 1);
	} else if (!strcmp(how, "refuses")) {
		poke(child, image + own.function->st_value, refuse, sizeof(refuse));
	} else {
		if (!strncmp(how, "size=", 5))
			size = number;
		else if (!strncmp(how, "prot=", 5))
			prot = number;
		else if (!strncmp(how, "flags=", 6))
			flags = number;
		else if (!strncmp(how, "answers=", 8))
			answer = -(int32_t)number;
		else
			exit(2);
		poke(child, image + own.function->st_value, code, compose(code, size, prot, flags, answer));
	}
}

int main(int argc, char *argv[])
{
	int status;
	pid_t child;

	if (argc < 3)
		return 2;
	child = fork();
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			fail("traceme");
		execv(argv[2], argv + 2);
		fail(argv[2]);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return 99;
	alter(child, argv[1]);
	ptrace(PTRACE_DETACH, child, NULL, NULL);
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status)) {
		printf("signal %d\n", WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

/* SPDX-License-Identifier: MIT */
/*
 * A witness of states: for a while a function of this file stands in the place of the vDSO's getrandom and sees who
 * draws with which state. Its bytes come from the system call. What stands in the vDSO is this process's own copy:
 * forked children have it too, other processes not.
 */
#ifndef CONFORM_WITNESS_H
#define CONFORM_WITNESS_H

#include "tap.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>

#define WITNESS_SEEN	65536	/* entries that are kept */
#define WITNESS_INSIDE	64	/* threads that are inside at once, of which each newcomer is asked about */

struct witness_params {		/* struct vgetrandom_opaque_params of linux/random.h */
	uint32_t state_size, mmap_prot, mmap_flags, reserved[13];
};

struct witness_entry {
	pid_t process, thread;
	uintptr_t state;
};

static struct {
	/* The vDSO's entry; NULL: not found yet. */
	ssize_t (*vdso)(void *bytes, size_t length, unsigned int flags, void *state, size_t size);
	struct witness_params params;
	void (*inside)(void *state);	/* if set, called by whoever is inside, before the bytes are made; async-signal-safe */
	unsigned char replaced[32];
	struct {
		pid_t thread;		/* 0: free */
		void *state;
	} now[WITNESS_INSIDE];		/* of this process */
	struct {
		uint64_t shared;	/* how often somebody came inside with a state with which another thread was */
		uint64_t used;		/* may exceed WITNESS_SEEN */
		struct witness_entry entry[WITNESS_SEEN];
	} *seen;			/* shared with forked children */
} witness;

/* ---- What differs from processor to processor: a jump, and a system call that no library can come between ---- */

#if defined(__x86_64__)
#define WITNESS_JUMP	16	/* bytes */

static inline void witness_jump(unsigned char code[32], uint64_t target)
{
	memcpy(code, "\xf3\x0f\x1e\xfa\x48\xb8", 6);	/* endbr64; movabs $target, %rax */
	memcpy(code + 6, &target, 8);
	memcpy(code + 14, "\xff\xe0", 2);		/* jmp *%rax */
}

static inline long witness_call(void *bytes, size_t length, unsigned int flags)
{
	register long result __asm__("rax") = SYS_getrandom;

	__asm__ volatile("syscall" : "+r"(result) : "D"(bytes), "S"(length), "d"((long)flags) : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
#define WITNESS_JUMP	24

static inline void witness_jump(unsigned char code[32], uint64_t target)
{
	const uint32_t jump[] = { 0xd503245f, 0x58000070, 0xd61f0200, 0xd503201f };	/* bti c; ldr x16, .+12; br x16; nop */

	memcpy(code, jump, sizeof(jump));
	memcpy(code + 16, &target, 8);
}

static inline long witness_call(void *bytes, size_t length, unsigned int flags)
{
	register long number __asm__("x8") = SYS_getrandom;
	register long first __asm__("x0") = (long)bytes;
	register long second __asm__("x1") = (long)length;
	register long third __asm__("x2") = (long)flags;

	__asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second), "r"(third) : "memory");
	return first;
}
#else
#define WITNESS_JUMP	0

static inline void witness_jump(unsigned char code[32], uint64_t target)
{
	(void)code, (void)target;
}

static inline long witness_call(void *bytes, size_t length, unsigned int flags)
{
	return syscall(SYS_getrandom, bytes, length, flags);
}
#endif

/* ---- The vDSO ---- */

/* Its getrandom, or NULL. */
static inline void *witness_find(void)
{
	const char *image = (const char *)getauxval(AT_SYSINFO_EHDR), *names = NULL;
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *segment = (const Elf64_Phdr *)(image + (image ? header->e_phoff : 0));
	const Elf64_Dyn *dynamic = NULL;
	const Elf64_Sym *symbol = NULL;
	const char *base = NULL;

	for (int i = 0; image && i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD && !base)
			base = image + segment[i].p_offset - segment[i].p_vaddr;
		if (segment[i].p_type == PT_DYNAMIC)
			dynamic = (const Elf64_Dyn *)(image + segment[i].p_offset);
	}
	for (; dynamic && dynamic->d_tag; dynamic++) {
		if (dynamic->d_tag == DT_SYMTAB)
			symbol = (const Elf64_Sym *)(base + dynamic->d_un.d_ptr);
		if (dynamic->d_tag == DT_STRTAB)
			names = base + dynamic->d_un.d_ptr;
	}
	/* The names lie behind the symbols; some vDSOs have no DT_HASH, which would tell how many there are. */
	for (; symbol && names && (const char *)(symbol + 1) <= names; symbol++)
		if (symbol->st_shndx && symbol->st_size >= WITNESS_JUMP && strstr(names + symbol->st_name, "_getrandom"))
			return (void *)(base + symbol->st_value);
	return NULL;
}

/* mprotect for the whole mapping that has the entry: the kernel does not split it. */
static inline bool witness_protect(const char *entry, int rights)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long start, end;
	char line[512];
	bool good = false;

	while (maps && !good && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%llx", &start, &end) == 2 && (uintptr_t)entry >= start && (uintptr_t)entry < end)
			good = !mprotect((void *)(uintptr_t)start, end - start, rights);
	if (maps)
		fclose(maps);
	return good;
}

/* What kernels allow differs: to write where the program itself may not (proc_pid_mem(5)), or to make it writable. */
static inline bool witness_write(const unsigned char *code)
{
	char *entry = (char *)(uintptr_t)witness.vdso;
	int memory = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
	bool good = memory >= 0 && pwrite(memory, code, WITNESS_JUMP, (off_t)(uintptr_t)entry) == WITNESS_JUMP;

	if (memory >= 0)
		close(memory);
	if (!good && witness_protect(entry, PROT_READ | PROT_WRITE | PROT_EXEC)) {
		memcpy(entry, code, WITNESS_JUMP);
		good = witness_protect(entry, PROT_READ | PROT_EXEC);
	}
#if WITNESS_JUMP	/* clang's is a function, and not every runtime has one for every processor */
	__builtin___clear_cache(entry, entry + WITNESS_JUMP);
#endif
	return good;
}

/* The calling thread is inside. Returns its place, or WITNESS_INSIDE when there is none left. */
static int witness_enters(void *state, pid_t thread)
{
	int place;

	for (place = 0; place < WITNESS_INSIDE; place++) {
		pid_t nobody = 0;

		if (__atomic_compare_exchange_n(&witness.now[place].thread, &nobody, thread, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			break;
	}
	if (place < WITNESS_INSIDE)
		__atomic_store_n(&witness.now[place].state, state, __ATOMIC_SEQ_CST);
	for (int i = 0; i < WITNESS_INSIDE; i++) {
		pid_t other = __atomic_load_n(&witness.now[i].thread, __ATOMIC_SEQ_CST);

		if (other && other != thread && __atomic_load_n(&witness.now[i].state, __ATOMIC_SEQ_CST) == state)
			__atomic_fetch_add(&witness.seen->shared, 1, __ATOMIC_SEQ_CST);
	}
	return place;
}

static void witness_leaves(int place)
{
	if (place == WITNESS_INSIDE)
		return;
	__atomic_store_n(&witness.now[place].state, NULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&witness.now[place].thread, 0, __ATOMIC_SEQ_CST);
}

static ssize_t witness_stands_in(void *bytes, size_t length, unsigned int flags, void *state, size_t size)
{
	const pid_t process = (pid_t)syscall(SYS_getpid), thread = (pid_t)syscall(SYS_gettid);
	ssize_t result;
	uint64_t at;
	int place;

	if (!bytes && !length && size == ~(size_t)0) {
		*(struct witness_params *)state = witness.params;
		return 0;
	}
	at = __atomic_fetch_add(&witness.seen->used, 1, __ATOMIC_SEQ_CST);
	if (at < WITNESS_SEEN)
		witness.seen->entry[at] = (struct witness_entry){
			.process = process, .thread = thread, .state = (uintptr_t)state,
		};
	place = witness_enters(state, thread);
	if (witness.inside)
		witness.inside(state);
	result = witness_call(bytes, length, flags);
	witness_leaves(place);
	return result;
}

/* ---- For cases ---- */

/* Look for the vDSO's getrandom and what it asks of states. Returns NULL, or why there is nothing to see. */
static inline const char *witness_ask(void)
{
	if (!WITNESS_JUMP)
		return "this processor's jumps are not known to witness.h";
	witness.vdso = (ssize_t (*)(void *, size_t, unsigned int, void *, size_t))witness_find();
	if (!witness.vdso || witness.vdso(NULL, 0, 0, &witness.params, ~(size_t)0))
		return "this kernel's vDSO has no getrandom";
	return NULL;
}

/* Stand in from now on. Returns NULL, or why that is not possible. No other thread may be drawing. */
static inline const char *witness_begin(void)
{
	unsigned char code[32];
	const char *why = witness.vdso ? NULL : witness_ask();

	if (why)
		return why;
	if (!witness.seen) {
		witness.seen = mmap(NULL, sizeof(*witness.seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (witness.seen == MAP_FAILED)
			return "no memory";
	}
	memcpy(witness.replaced, (const void *)witness.vdso, WITNESS_JUMP);
	witness_jump(code, (uintptr_t)witness_stands_in);
	return witness_write(code) ? NULL : "the vDSO can't be written to (/proc/self/mem, mprotect)";
}

/* The vDSO is itself again. No thread may be inside. */
static inline bool witness_end(void)
{
	return witness_write(witness.replaced);
}

/* In a forked child: who was inside in the parent is not. */
static inline void witness_forked(void)
{
	memset(witness.now, 0, sizeof(witness.now));
}

/* The state with which the calling thread was seen last; 0: never. */
static inline uintptr_t witness_state(void)
{
	uint64_t used = __atomic_load_n(&witness.seen->used, __ATOMIC_SEQ_CST);
	pid_t thread = (pid_t)syscall(SYS_gettid), process = getpid();

	for (uint64_t i = used < WITNESS_SEEN ? used : WITNESS_SEEN; i--;)
		if (witness.seen->entry[i].thread == thread && witness.seen->entry[i].process == process)
			return witness.seen->entry[i].state;
	return 0;
}

#endif

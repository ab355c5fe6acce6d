/* SPDX-License-Identifier: MIT */
/*
 * A malloc that draws random bytes to initialise itself and at every allocation, as hardened allocators do: whoever
 * answers a draw by calling malloc would never end. Memory is given out once and never taken back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#define ARENA	(UINT64_C(1) << 30)
#define ALIGN	16

ssize_t getrandom(void *bytes, size_t length, unsigned int flags);

static char *arena;
static uint64_t used;
static __thread int depth;
unsigned long drawing_malloc_draws;		/* for the case, which looks them up */
unsigned long drawing_malloc_recursions;
unsigned char drawing_malloc_last[16];

static void draw(void)
{
	unsigned char bytes[16];

	if (depth++)
		__atomic_fetch_add(&drawing_malloc_recursions, 1, __ATOMIC_RELAXED);
	else if (getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes))
		memcpy(drawing_malloc_last, bytes, sizeof(bytes));
	__atomic_fetch_add(&drawing_malloc_draws, 1, __ATOMIC_RELAXED);
	depth--;
}

static void *take(size_t size, size_t alignment)
{
	uint64_t at;
	char *now = __atomic_load_n(&arena, __ATOMIC_ACQUIRE), *expected = NULL;

	if (!now) {
		now = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (now == MAP_FAILED)
			return NULL;
		if (!__atomic_compare_exchange_n(&arena, &expected, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			munmap(now, ARENA);
			now = expected;
		}
	}
	draw();
	if (alignment < ALIGN)
		alignment = ALIGN;
	if (size > ARENA / 2) {
		errno = ENOMEM;
		return NULL;
	}
	/* Room for the size in front, and to align whatever comes. */
	at = __atomic_fetch_add(&used, (size + alignment + 2 * ALIGN - 1) & ~(uint64_t)(ALIGN - 1), __ATOMIC_RELAXED);
	if (at + size + alignment + 2 * ALIGN > ARENA) {
		errno = ENOMEM;
		return NULL;
	}
	now = (char *)(((uintptr_t)now + at + ALIGN + alignment - 1) & ~(uintptr_t)(alignment - 1));
	((size_t *)now)[-1] = size;
	return now;
}

void *malloc(size_t size)
{
	return take(size, ALIGN);
}

void free(void *memory)
{
	(void)memory;
	draw();
}

void *calloc(size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	return take(count * size, ALIGN);	/* never used before: zeros */
}

void *realloc(void *old, size_t size)
{
	void *memory = take(size, ALIGN);

	if (old && memory)
		memcpy(memory, old, size < ((size_t *)old)[-1] ? size : ((size_t *)old)[-1]);
	return memory;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return take(size, alignment);
}

void *memalign(size_t alignment, size_t size)
{
	return take(size, alignment);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = take(size, alignment);
	return *memory ? 0 : ENOMEM;
}

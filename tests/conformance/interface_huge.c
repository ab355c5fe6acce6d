/* SPDX-License-Identifier: MIT */
/*
 * A length above INT_MAX & PAGE_MASK is cut to that, as for every read: never an error, an overflow or more bytes.
 *
 * Source: lib/iov_iter.c import_ubuf and lib/vdso/getrandom.c: MAX_RW_COUNT; getrandom(2): up to 33,554,431 bytes
 *	from GRND_RANDOM's past do not apply since Linux 5.6
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

#define PIECE	(UINT64_C(1) << 21)	/* memory that the whole span shares */

int main(void)
{
	size_t most = 0x7fffffff & ~((size_t)sysconf(_SC_PAGESIZE) - 1), span = most + 2 * PIECE, at;
	size_t lengths[] = { ((size_t)1 << 32) + 5000, most + 1, SIZE_MAX, SIZE_MAX / 2 + 1 };
	unsigned int i;
	unsigned char *start;
	ssize_t got;
	int memory;

	case_begin("a draw of more than INT_MAX & PAGE_MASK bytes gives exactly so many", full_profile() ? 300 : 90);
	libc_needs(getrandom);
	if (sizeof(size_t) < 8)
		skip_all("an address space of 32 bits has no room for such a buffer");
	memory = syscall(SYS_memfd_create, "huge", 0u);
	start = mmap(NULL, span + PIECE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory < 0 || ftruncate(memory, PIECE) || start == MAP_FAILED)
		skip_all("no memory to map again and again: %s", strerror(errno));
	start = (unsigned char *)(((uintptr_t)start + PIECE - 1) & ~(PIECE - 1));
	for (at = 0; at < span; at += PIECE)
		if (mmap(start + at, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == MAP_FAILED)
			skip_all("no room for a span of 2 GiB: %s", strerror(errno));
	for (i = 0; i < scaled(1, 4); i++) {
		errno = 0;
		got = libc.getrandom(start, lengths[i], 0);
		check(got == (ssize_t)most && errno == 0, "length %#zx gives %#zx bytes, not %#zx, errno %d", lengths[i], most,
		      (size_t)got, errno);
	}
	return case_end();
}

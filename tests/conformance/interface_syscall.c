/* SPDX-License-Identifier: MIT */
/*
 * syscall(SYS_getrandom, ...) answers like getrandom: the same flags, lengths, results and errno.
 *
 * Source: syscall(2), getrandom(2)
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

int main(void)
{
	struct draws *draws = draws_new(4096 * 4);
	unsigned char bytes[512];
	unsigned int flags, i;
	size_t length;
	long got;

	case_begin("syscall(SYS_getrandom) is getrandom", 10);
	for (i = 0; i < 4096; i++) {
		errno = 77;
		got = syscall(SYS_getrandom, bytes, 64, i % 4);
		expect(got == 64 && errno == 77, "flags %u: %ld, errno %d", i % 4, got, errno);
		draws_add(draws, bytes, 64, i);
	}
	for (length = 0; length < 300; length++) {
		memset(bytes, 0x55, sizeof(bytes));
		got = syscall(SYS_getrandom, bytes, length, 0);
		expect(got == (long)length && bytes[length] == 0x55, "length %zu: %ld", length, got);
	}
	for (flags = 8; flags; flags <<= 1) {
		errno = 0;
		got = syscall(SYS_getrandom, bytes, 16, flags);
		expect(got == -1 && errno == EINVAL, "flags %#x: EINVAL, not %ld, errno %d", flags, got, errno);
	}
	errno = 0;
	got = syscall(SYS_getrandom, NULL, 16, 0);
	check(got == -1 && errno == EFAULT, "NULL: EFAULT, not %ld, errno %d", got, errno);
	errno = 0;
	got = syscall(SYS_getrandom, bytes, 16, 6);
	check(got == -1 && errno == EINVAL, "GRND_RANDOM | GRND_INSECURE: EINVAL, not %ld, errno %d", got, errno);
	outputs_distinct(draws, "syscall(SYS_getrandom)");
	return case_end();
}

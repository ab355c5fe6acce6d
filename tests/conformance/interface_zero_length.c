/* SPDX-License-Identifier: MIT */
/*
 * A draw of no bytes gives 0, changes nothing, and does not look at the address.
 *
 * Source: getrandom(2), getentropy(3), arc4random_buf(3); drivers/char/random.c
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

int main(void)
{
	static unsigned char byte;
	void *const address[] = { &byte, NULL, (void *)1, (void *)-1, (void *)(uintptr_t)(~(uintptr_t)0 / 2 + 1) };
	unsigned int i, flags;

	case_begin("a draw of length 0 gives 0 for any address", 10);
	libc_needs(getrandom);
	for (i = 0; i < sizeof(address) / sizeof(address[0]); i++) {
		for (flags = 0; flags < 4; flags++) {
			/* The kernel refuses an address outside the user's span even then. */
			ssize_t kernel, got;

			errno = 0;
			kernel = syscall(SYS_getrandom, address[i], 0, flags);
			got = libc.getrandom(address[i], 0, flags);
			expect(got == 0 || (got == -1 && errno == EFAULT && kernel == -1), "getrandom(%p, 0, %u): %zd", address[i],
			       flags, got);
		}
	}
	check(libc.getrandom(NULL, 0, 0) == 0, "getrandom(NULL, 0, 0) gives 0");
	if (libc.getentropy)
		check(libc.getentropy(NULL, 0) == 0, "getentropy(NULL, 0) gives 0");
	if (libc.arc4random_buf)
		libc.arc4random_buf(&byte, 0);
	check(byte == 0, "nothing was written");
	return case_end();
}

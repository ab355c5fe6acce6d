/* SPDX-License-Identifier: MIT */
/*
 * getentropy fills up to 256 bytes completely and answers EIO to more, without touching the buffer.
 *
 * Source: getentropy(3); POSIX.1-2024 (where the limit is GETENTROPY_MAX and the error EINVAL; Linux libcs say EIO)
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

int main(void)
{
	struct draws *draws = draws_new(256 * 16);
	const size_t too_long[] = { 257, 258, 512, 4096, 65536, INT32_MAX, SIZE_MAX };
	static unsigned char bytes[65536], zeros[65536];
	size_t length;
	unsigned int i;
	int got;

	case_begin("getentropy: 256 bytes at most, EIO beyond, never a short fill", 10);
	libc_needs(getentropy);
	for (length = 0; length <= 256; length++) {
		memset(bytes, 0, sizeof(bytes));
		expect(libc.getentropy(bytes, length) == 0, "length %zu succeeds", length);
		draws_add(draws, bytes, length, length);
		expect(!memcmp(bytes + length, zeros, 256), "length %zu writes no more", length);
	}
	for (i = 0; i < sizeof(too_long) / sizeof(too_long[0]); i++) {
		memset(bytes, 0, sizeof(bytes));
		errno = 0;
		got = libc.getentropy(bytes, too_long[i]);
		check(got == -1 && errno == EIO, "length %zu is EIO, not %d, errno %d", too_long[i], got, errno);
		check(!memcmp(bytes, zeros, sizeof(bytes)), "length %zu leaves the buffer alone", too_long[i]);
	}
	outputs_distinct(draws, "every length from 0 to 256");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * getrandom accepts every documented combination of flags and answers EINVAL to every other, with any length.
 *
 * Source: getrandom(2), FLAGS and EINVAL; drivers/char/random.c: GRND_INSECURE with GRND_RANDOM is EINVAL
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"

#define NONBLOCK	1u	/* GRND_NONBLOCK */
#define RANDOM		2u	/* GRND_RANDOM */
#define INSECURE	4u	/* GRND_INSECURE, Linux 5.6 */

static bool documented(unsigned int flags)
{
	return !(flags & ~(NONBLOCK | RANDOM | INSECURE)) && (flags & (RANDOM | INSECURE)) != (RANDOM | INSECURE);
}

static void try(unsigned int flags, size_t length)
{
	unsigned char bytes[64] = { 0 };
	ssize_t got;

	errno = 0;
	got = libc.getrandom(bytes, length, flags);
	if (documented(flags))
		expect(got == (ssize_t)length && errno == 0, "flags %#x, length %zu: %zd, errno %d", flags, length, got, errno);
	else
		expect(got == -1 && errno == EINVAL, "flags %#x, length %zu: EINVAL, not %zd, errno %d", flags, length,
		       got, errno);
}

int main(void)
{
	static const size_t lengths[] = { 0, 1, 16, 64 };
	unsigned int i, j, k;

	case_begin("known flags work in every combination, unknown ones are EINVAL", 20);
	libc_needs(getrandom);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (j = 0; j < 256; j++)
			try(j, lengths[i]);
		for (j = 0; j < 32; j++)	/* each bit, alone and with every known combination */
			for (k = 0; k < 8; k++)
				try(1u << j | k, lengths[i]);
		try(~0u, lengths[i]);
	}
	check(!tap->failures, "%u calls", 4 * (256 + 256 + 1));
	return case_end();
}

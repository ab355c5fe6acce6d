/* SPDX-License-Identifier: MIT */
/*
 * Success leaves errno alone; failure sets it, and returns -1.
 *
 * Source: POSIX, errno: no function sets it to 0; glibc and musl leave it alone when getrandom succeeds
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"

int main(void)
{
	static const int before[] = { 0, EINTR, EAGAIN, 12345, -1 };
	unsigned char bytes[300];
	unsigned int i, turn;

	case_begin("errno is untouched by success and set by failure", 10);
	libc_needs(getrandom);
	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		for (turn = 0; turn < 300; turn++) {	/* warm, and through several refills */
			errno = before[i];
			expect(libc.getrandom(bytes, turn, 0) == (ssize_t)turn && errno == before[i], "getrandom: %d became %d",
			       before[i], errno);
			errno = before[i];
			if (libc.getentropy)
				expect(libc.getentropy(bytes, turn % 257) == 0 && errno == before[i], "getentropy: %d became %d",
				       before[i], errno);
			if (libc.arc4random)
				libc.arc4random();
			if (libc.arc4random_buf)
				libc.arc4random_buf(bytes, turn);
			if (libc.arc4random_uniform)
				libc.arc4random_uniform(turn);
			expect(errno == before[i], "arc4random: %d became %d", before[i], errno);
		}
		errno = before[i];
		expect(libc.getrandom(bytes, 16, ~0u) == -1 && errno == EINVAL, "a failing getrandom sets errno: %d", errno);
		errno = before[i];
		if (libc.getentropy)
			expect(libc.getentropy(bytes, 257) == -1 && errno == EIO, "a failing getentropy sets errno: %d", errno);
	}
	check(!tap->failures, "%u values of errno", i);
	return case_end();
}

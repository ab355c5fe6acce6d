/* SPDX-License-Identifier: MIT */
/*
 * Promise: under a storm of signals whose handler does nothing and that asks for no restart, getrandom of up to
 * 256 bytes and getentropy still give all that was asked for, and never EINTR. Longer draws may come short, but
 * are filled as far as they say.
 * Source: getrandom(2), "interruption by a signal handler"; getentropy(3).
 * Kind: promise
 */
#include "tap.h"
#include "libc.h"
#include "storm.h"

static struct storm storm;

static void handler(int signal)
{
	(void)signal;
	storm_strikes(&storm);
	storm_again(&storm);
}

/* Ask for `length` bytes; returns how many came. Behind them the canary must be untouched. */
static ssize_t ask(size_t length)
{
	static unsigned char bytes[70000];
	ssize_t got;

	memset(bytes, 0xa5, length + 16);
	got = libc.getrandom(bytes, length, 0);
	for (size_t i = 0; i < 16; i++)
		if (!expect(bytes[length + i] == 0xa5, "nothing behind a buffer of %zu bytes is written", length))
			break;
	if (got >= 32 && (size_t)got + 32 < length) {	/* short: what comes after is as it was */
		bool untouched = true;

		for (size_t i = (size_t)got + 1; i < length; i++)
			untouched &= bytes[i] == 0xa5;
		if (!untouched)
			note("a short draw of %zd of %zu bytes wrote more than it said", got, length);
	}
	return got;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handler };
	uint64_t shorts = 0, longs = 0;
	unsigned char bytes[256];

	case_begin("up to 256 bytes come whole under a storm of signals", scaled(120, 900));
	libc_needs(getrandom);
	sigaction(SIGALRM, &action, NULL);
	if (!storm_begin(&storm, SIGALRM, 10000, scaled(20000, 400000)))
		skip_all("no timer: errno %d", errno);
	for (uint64_t i = 0; storm_rages(&storm); i++) {
		size_t length = 1 + next_random(&case_seed) % 256;
		ssize_t got = ask(length);

		(void)expect(got == (ssize_t)length, "%zu bytes come whole, not %zd, errno %d", length, got, errno);
		if (libc.getentropy)
			(void)expect(!libc.getentropy(bytes, length), "getentropy of %zu bytes, errno %d", length, errno);
		if (i % 16)
			continue;
		got = ask(65536);
		longs++;
		shorts += got != 65536;
		(void)expect(got > 0 || errno == EINTR, "65536 bytes come, or some of them, or EINTR: %zd, errno %d", got, errno);
	}
	fact("short_draws", "%llu of %llu of 64 KiB", (unsigned long long)shorts, (unsigned long long)longs);
	check(!storm_rages(&storm), "%llu signals, and all draws of up to 256 bytes came whole",
	      (unsigned long long)storm.strikes);
	return case_end();
}

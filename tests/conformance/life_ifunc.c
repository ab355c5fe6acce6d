/* SPDX-License-Identifier: MIT */
/*
 * A draw in an IFUNC resolver, before any constructor and while the loader still relocates, succeeds or fails
 * cleanly; draws that come later are not harmed by it.
 *
 * Source: GCC manual, ifunc; glibc: a resolver may call what is already relocated. Nobody promises it for getrandom
 * Kind: quality
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#if defined(__GLIBC__)
ssize_t getrandom(void *bytes, size_t length, unsigned int flags);

static unsigned char early[32];
static long early_result = -2;
static int answer_yes(void)
{
	return 1;
}

static int (*resolve(void))(void)
{
	early_result = getrandom(early, sizeof(early), 0);
	return answer_yes;
}

int resolved(void) __attribute__((ifunc("resolve")));

int main(void)
{
	struct draws *draws;
	unsigned char bytes[32];
	int i;

	case_begin("a draw at IFUNC time", 10);
	libc_needs(getrandom);
	draws = draws_new(4096);
	check(resolved() == 1, "the resolver's function is called");
	check(early_result == 32, "the resolver's draw gave 32 bytes, not %ld", early_result);
	if (early_result == 32)
		draws_add(draws, early, sizeof(early), 1);
	for (i = 0; i < 1000; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), 2);
	}
	outputs_distinct(draws, "a draw at IFUNC time and after it");
	return case_end();
}
#else
int main(void)
{
	case_begin("a draw at IFUNC time", 10);
	skip_all("this libc's loader has no IFUNC");
}
#endif

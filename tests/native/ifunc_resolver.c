/* SPDX-License-Identifier: MIT */
/* A library with a function that the loader chooses (IFUNC) by a resolver that draws random bytes. */
#include <sys/random.h>

static char early[32];

/* What the resolver's draw returned. */
long ifunc_draw = -2;

static int answer(void)
{
	return 1;
}

static int (*resolve(void))(void)
{
	ifunc_draw = getrandom(early, sizeof(early), 0);
	return answer;
}

int ifunc_chosen(void) __attribute__((ifunc("resolve")));

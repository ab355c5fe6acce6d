/* SPDX-License-Identifier: MIT */
/* A library that draws when it is loaded, when it is asked, and when it is unloaded. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

ssize_t getrandom(void *bytes, size_t length, unsigned int flags);

static unsigned char early[32];
static void (*farewell)(const void *bytes, size_t length);

__attribute__((constructor(101)))
static void at_load(void)
{
	if (getrandom(early, sizeof(early), 0) != sizeof(early))
		early[0] = 0;
}

/* What the constructor drew. */
const void *library_early(void)
{
	return early;
}

/* One draw. */
ssize_t library_draw(void *bytes, size_t length)
{
	return getrandom(bytes, length, 0);
}

/* Who gets the draw made when the library is unloaded. */
void library_farewell(void (*receiver)(const void *bytes, size_t length))
{
	farewell = receiver;
}

__attribute__((destructor(101)))
static void at_unload(void)
{
	unsigned char bytes[32];

	if (farewell && getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes))
		farewell(bytes, sizeof(bytes));
}

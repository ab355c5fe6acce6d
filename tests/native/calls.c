/* SPDX-License-Identifier: MIT */
/*
 * Draws by every function in the first thread, in new ones, in others where those have been, in a forked child and
 * its threads, and in one for which no slot is left, with marks in between: a tracer sees which system calls each
 * part made, a thread's first draw and its second each by itself. A mark is a write that fails.
 */
#include "tap.h"
#include "places.h"

#include <dlfcn.h>
#include <sys/random.h>
#include <vgetrandom.h>

#define TURNS 1000

static void mark(const char *text)
{
	if (write(-1, text, strlen(text)) == 0)
		abort();
}

static bool by_getrandom(char *bytes, size_t size)
{
	return getrandom(bytes, size, 0) == (ssize_t)size;
}

static bool by_flags(char *bytes, size_t size)
{
	return getrandom(bytes, size, GRND_RANDOM) == (ssize_t)size;
}

static bool by_getentropy(char *bytes, size_t size)
{
	return !getentropy(bytes, size);
}

static bool by_syscall(char *bytes, size_t size)
{
	return syscall(SYS_getrandom, bytes, size, GRND_NONBLOCK) == (long)size;
}

static bool by_arc4random(char *bytes, size_t size)
{
	uint32_t number = arc4random();

	memcpy(bytes, &number, size < sizeof(number) ? size : sizeof(number));
	return true;
}

static bool by_arc4random_buf(char *bytes, size_t size)
{
	arc4random_buf(bytes, size);
	return true;
}

static bool by_arc4random_uniform(char *bytes, size_t size)
{
	bytes[0] = (char)arc4random_uniform(1 << 7);	/* a power of two: never a second number */
	return size > 0;
}

static const struct way {
	const char *name;
	bool (*draw)(char *bytes, size_t size);
} ways[] = {
	{ "by getrandom", by_getrandom },
	{ "by flags", by_flags },
	{ "by getentropy", by_getentropy },
	{ "by syscall", by_syscall },
	{ "by arc4random", by_arc4random },
	{ "by arc4random_buf", by_arc4random_buf },
	{ "by arc4random_uniform", by_arc4random_uniform },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void draw_once(const struct way *way)
{
	char bytes[64];

	if (!way->draw(bytes, sizeof(bytes)))
		abort();
}

static void draw(int turns)
{
	while (turns--)
		for (size_t i = 0; i < WAYS; i++)
			draw_once(&ways[i]);
}

/* A thread, or a child: its first draw, its second, then many. */
static void draw_from_the_first(const char *who, const struct way *way)
{
	char first[64], second[64], warm[64];

	snprintf(first, sizeof(first), "first draw %s", who);
	snprintf(second, sizeof(second), "second draw %s", who);
	snprintf(warm, sizeof(warm), "warm %s", who);
	mark(first);
	draw_once(way);
	mark(second);
	draw_once(way);
	mark(warm);
	draw(TURNS);
}

struct part {
	const char *who;
	const struct way *way;
};

static void *body(void *of)
{
	struct part *part = of;

	draw_from_the_first(part->who, part->way);
	mark("end of thread");
	return NULL;
}

static void alone(size_t place, const char *who, const struct way *way)
{
	place_run(place, body, &(struct part){ who, way });
}

/* At a place where nobody was, and then where that one was. */
static void alone_and_after(size_t place, const struct way *way)
{
	char after[64];

	snprintf(after, sizeof(after), "after one %s", way->name);
	alone(place, way->name, way);
	alone(place, after, way);
}

static void child(void)
{
	pid_t child = fork();

	if (!child) {
		draw_from_the_first("of a child", &ways[0]);
		mark("end of a child's first thread");
		alone(WAYS, "of a child's thread", &ways[0]);
		alone(0, "of a child's thread where the parent had one", &ways[0]);
		mark("end of child");
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* No more slots: this program says so, in the library's memory. */
static void without_a_slot_left(void)
{
	const struct vgetrandom_process *record = dlsym(RTLD_DEFAULT, "vgetrandom_process");

	if (!record)
		return;
	*(uint32_t *)(uintptr_t)record->used = record->slots;
	alone(WAYS + 1, "without a slot left", &ways[0]);
}

int main(void)
{
	mark("main");
	places_make(WAYS + 2);
	draw_from_the_first("of the first thread", &ways[0]);
	mark("end of first thread");
	for (size_t i = 0; i < WAYS; i++)
		alone_and_after(i, &ways[i]);
	child();
	mark("after a fork");
	draw(TURNS);
	mark("end of parent");
	without_a_slot_left();
	mark("last");
	_exit(0);
}

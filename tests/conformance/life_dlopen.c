/* SPDX-License-Identifier: MIT */
/*
 * A library that draws in its constructor, on request and in its destructor can be loaded and unloaded any number of
 * times, from several threads.
 *
 * Source: dlopen(3), dlclose(3), getrandom(2)
 * Kind: promise
 * Library: drawing_library.c
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"

#include <libgen.h>
#include <pthread.h>

static struct draws *draws;
static char path[4096];
static uint32_t farewells;

static void receive(const void *bytes, size_t length)
{
	draws_add(draws, bytes, length, 3);
	__atomic_fetch_add(&farewells, 1, __ATOMIC_SEQ_CST);
}

static void load_and_unload(void)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const void *(*early)(void);
	ssize_t (*library_draw)(void *, size_t);
	void (*farewell)(void (*)(const void *, size_t));
	unsigned char bytes[32];

	if (!expect(library != NULL, "%s: %s", path, dlerror()))
		return;
	early = (const void *(*)(void))dlsym(library, "library_early");
	library_draw = (ssize_t (*)(void *, size_t))dlsym(library, "library_draw");
	farewell = (void (*)(void (*)(const void *, size_t)))dlsym(library, "library_farewell");
	draws_add(draws, early(), 32, 1);
	expect(library_draw(bytes, sizeof(bytes)) == sizeof(bytes), "the library draws");
	draws_add(draws, bytes, sizeof(bytes), 2);
	draw(bytes, sizeof(bytes));
	draws_add(draws, bytes, sizeof(bytes), 4);
	farewell(receive);
	dlclose(library);
}

static void *other_thread(void *turns)
{
	unsigned char bytes[32];
	uint64_t i;

	for (i = 0; i < 10 * (uintptr_t)turns; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), 5);
	}
	return NULL;
}

int main(void)
{
	uint64_t turns = scaled(300, 3000), i;
	bool stays = !libc_symbol("gnu_get_libc_version");	/* musl never unloads */
	char self[4096];
	struct usage before;
	pthread_t thread;

	case_begin("a library that draws comes and goes", 60);
	libc_needs(getrandom);
	libc_needs_loader();
	snprintf(self, sizeof(self), "%s", program_invocation_name);
	snprintf(path, sizeof(path), "%s/drawing_library.so", dirname(self));
	draws = draws_new(turns * 32 + 1000);
	memset(draws->entry, 1, (turns * 32 + 1000) * sizeof(draws->entry[0]));
	pthread_create(&thread, NULL, other_thread, (void *)(uintptr_t)turns);
	for (i = 0; i < 10; i++)
		load_and_unload();
	pthread_join(thread, NULL);
	before = usage_now();
	if (stays)	/* its constructor runs only once, so its early draw would be the same one again */
		note("this libc keeps a library once it is loaded: loaded only once");
	draws->used = stays ? 0 : draws->used;
	for (i = stays ? turns : 10; i < turns; i++)
		load_and_unload();
	usage_bounded(&before, "after loading and unloading");
	check(stays || farewells == turns, "%u farewells", farewells);
	if (stays)
		other_thread((void *)1);
	outputs_distinct(draws, "a library that comes and goes");
	return case_end();
}

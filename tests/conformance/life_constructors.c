/* SPDX-License-Identifier: MIT */
/*
 * A program draws at any time of its life: in constructors of the earliest priority, in main, in functions of atexit
 * and on_exit, in destructors of the latest.
 *
 * Source: getrandom(2): no restriction; the order of constructors in the System V ABI, chapter 5
 * Kind: promise
 */
#include "life.h"
#include "libc.h"

enum { EARLIEST = 1, ORDINARY, MAIN, AT_EXIT, DESTRUCTOR, LATEST, PLACES };

static struct draws *draws;

static void draw_some(uint64_t where)
{
	unsigned char bytes[32];
	int i;

	if (!getenv("CONFORM_RECORD"))
		return;		/* the first stage only waits */
	if (!draws)
		draws = life_draws();
	libc_find();
	for (i = 0; i < 8 && libc.getrandom && libc.getrandom(bytes, 32, 0) == 32; i++)
		draws_add(draws, bytes, sizeof(bytes), where);
}

__attribute__((constructor(101))) static void earliest(void)
{
	draw_some(EARLIEST);
}

__attribute__((constructor)) static void ordinary(void)
{
	draw_some(ORDINARY);
}

static void at_exit(void)
{
	draw_some(AT_EXIT);
}

__attribute__((destructor)) static void destructor(void)
{
	draw_some(DESTRUCTOR);
}

__attribute__((destructor(101))) static void latest(void)
{
	draw_some(LATEST);
}

int main(int argc, char *argv[])
{
	unsigned int count[PLACES] = { 0 }, place;
	uint64_t i, turns = scaled(20, 200);

	if (argc > 1 && !strcmp(argv[1], "whole-life")) {
		atexit(at_exit);
		draw_some(MAIN);
		exit(0);
	}
	case_begin("draws from the first constructor to the last destructor", 60);
	libc_needs(getrandom);
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (i = 0; i < turns; i++)
		life_child("whole-life");
	unsetenv("CONFORM_RECORD");	/* this process's own destructors are not asked */
	for (i = 0; i < draws->used; i++)
		count[draws->entry[i].tag]++;
	for (place = EARLIEST; place < PLACES; place++)
		check(count[place] == 16 * turns, "place %u: %u pieces of %llu", place, count[place],
		      (unsigned long long)(16 * turns));
	outputs_distinct(draws, "whole lives");
	return case_end();
}

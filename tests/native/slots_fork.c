/* SPDX-License-Identifier: MIT */
/*
 * What a forked child does with the slots that it inherits: none is used before the surviving thread has settled, all
 * of them are afterwards. The survivor may be any thread of the parent.
 * Usage: slots_fork fork|_Fork|clone main|thread
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <pthread.h>

#define HELPERS	30	/* with the main thread and the forking one, they have all slots of two blocks */

static struct draws *draws;
static const char *how;
static uint64_t parent_word;	/* the epoch of whoever forked */

/* ---- Threads that draw once and stay ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drew = PTHREAD_COND_INITIALIZER;
static unsigned int present;
static pid_t last_tid;

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];

	for (int i = 0; i < 3; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who << 32 | (uint64_t)getpid());
	}
}

static void *stay(void *who)
{
	draw_some((uintptr_t)who);
	pthread_mutex_lock(&lock);
	present++;
	last_tid = (pid_t)syscall(SYS_gettid);
	pthread_cond_signal(&drew);
	pthread_mutex_unlock(&lock);
	for (;;)
		pause();
	return NULL;
}

/* Returns the tid of a new thread that has drawn and lives as long as the process. */
static pid_t newcomer(uint64_t who)
{
	unsigned int before = present;
	pthread_t thread;

	if (pthread_create(&thread, NULL, stay, (void *)(uintptr_t)who)) {
		tap_line("", "Bail out! no thread: errno %d", errno);
		_exit(1);
	}
	pthread_mutex_lock(&lock);
	while (present == before)
		pthread_cond_wait(&drew, &lock);
	pthread_mutex_unlock(&lock);
	return last_tid;
}

static pid_t fork_somehow(void)
{
	if (!strcmp(how, "_Fork") && libc._Fork)
		return libc._Fork();
	if (!strcmp(how, "clone"))
		return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	return fork();
}

/* ---- Children ---- */

static void new_epoch(uint64_t forks)
{
	check(id_of(record_epoch->word) == getpid(), "the epoch is this process's");
	check(claim_of(record_epoch->word) > claim_of(parent_word), "the epoch is younger than the parent's");
	check(record_slots->forks == forks + 1, "one fork more than the parent: %llu", (unsigned long long)record_slots->forks);
	check(record_epoch->fallbacks == 0, "nothing fell back: %llu", (unsigned long long)record_epoch->fallbacks);
}

/* The survivor draws first: from then on all that is inherited is free. */
static int survivor_first(void)
{
	uint64_t blocks = record_slots->blocks, forks = record_slots->forks, i;

	check(!record_epoch->word, "the epoch was wiped");
	draw_some(100);
	new_epoch(forks);
	check(record_epoch->settled == record_epoch->word, "the survivor has settled");
	check(slots_claimed() == 1 && calls_served() == 3, "one slot, three calls, not %llu and %llu: no more than this child's",
	      (unsigned long long)slots_claimed(), (unsigned long long)calls_served());
	for (i = 0; i < HELPERS; i++)
		newcomer(200 + i);
	check(record_slots->blocks == blocks, "new threads reuse what the parent's had: %llu blocks, before %llu",
	      (unsigned long long)record_slots->blocks, (unsigned long long)blocks);
	check(slots_claimed() == HELPERS + 1 && record_epoch->threads == HELPERS + 1, "a slot each");
	record_consistent("in the child");
	new_epoch(forks);
	return 0;
}

/* New threads draw before the survivor, which might be inside a call that the fork interrupted. */
static int newcomers_first(void)
{
	uint64_t total = slots_total(), forks = record_slots->forks, *owner = calloc(total, sizeof(*owner)), i, taken = 0;

	for (i = 0; i < total; i++)
		owner[i] = slot_number(i)->owner;
	for (i = 0; i < 4; i++)
		newcomer(300 + i);
	new_epoch(forks);
	check(record_epoch->settled != record_epoch->word, "nobody has settled");
	for (i = 0; i < total; i++)
		taken += owner[i] && slot_number(i)->owner != owner[i];
	check(!taken, "no slot that was in use before the fork changed hands: %llu did", (unsigned long long)taken);
	check(slots_claimed() == 4, "they have slots all the same");
	total = slots_total();
	draw_some(400);
	check(record_epoch->settled == record_epoch->word, "the survivor has settled");
	for (i = 0; i < HELPERS; i++)
		newcomer(500 + i);
	check(slots_total() == total, "from then on all slots are used again: %llu, before %llu",
	      (unsigned long long)slots_total(), (unsigned long long)total);
	new_epoch(forks);
	record_consistent("in the child");
	free(owner);
	return 0;
}

/* A child that never draws and forks itself: its child's epoch is as new as any. */
static int silent_generation(void)
{
	uint64_t forks = record_slots->forks;
	pid_t child = fork_somehow();

	if (!child) {
		draw_some(600);
		check(record_slots->forks == forks + 1, "a process that drew nothing does not count among the forks");
		check(slots_claimed() == 1, "one slot in the grandchild");
		_exit(0);
	}
	wait_ok(child, "the grandchild");
	draw_some(601);
	new_epoch(forks);
	return 0;
}

static void *parent(void *unused)
{
	static int (*const children[])(void) = { survivor_first, newcomers_first, silent_generation };
	uint64_t calls;
	size_t i;

	draw_some(1);
	parent_word = record_epoch->word;
	calls = calls_served();
	for (i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		pid_t child = fork_somehow();

		if (!child)
			_exit(children[i]());
		wait_ok(child, "the child");
	}
	check(record_epoch->word == parent_word && record_slots->forks == 0, "the parent's epoch goes on");
	draw_some(1);
	check(calls_served() == calls + 3, "and it draws on");
	return unused;
}

int main(int argc, char *argv[])
{
	pthread_t thread;
	uint64_t i;

	if (argc != 3)
		return 2;
	how = argv[1];
	case_begin("a forked child uses inherited slots when its survivor has settled, and not before", 60);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(20000);
	draw_some(0);
	for (i = 0; i < HELPERS; i++)
		newcomer(10 + i);
	if (!strcmp(argv[2], "main")) {
		newcomer(10 + i);
		parent(NULL);
	} else {
		pthread_create(&thread, NULL, parent, NULL);
		pthread_join(thread, NULL);
	}
	outputs_distinct(draws, "of all processes");
	return case_end();
}

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

/* ---- Threads that draw and stay ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drew = PTHREAD_COND_INITIALIZER;
static unsigned int present;
static pid_t last_tid;

static void draw_times(uint64_t who, int times)
{
	unsigned char bytes[32];

	while (times--) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who << 32 | (uint64_t)getpid());
	}
}

#define SOME	3	/* draws: the first takes no slot yet, the second does, the third has one */

static void draw_some(uint64_t who)
{
	draw_times(who, SOME);
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

static void no_epoch(uint64_t forks, uint64_t claims)
{
	check(!record_epoch->word && !record_epoch->threads && !slots_claimed(), "no epoch, no slot");
	check(record_slots->forks == forks && record_slots->claims == claims, "and none was asked for");
}

/* After `first_draws` threads of this process have drawn. */
static void new_epoch(uint64_t forks, uint64_t first_draws)
{
	check(id_of(record_epoch->word) == getpid(), "the epoch is this process's");
	check(claim_of(record_epoch->word) > claim_of(parent_word), "the epoch is younger than the parent's");
	check(record_slots->forks == forks + 1, "one fork more than the parent: %llu", (unsigned long long)record_slots->forks);
	check(record_epoch->fallbacks == 0, "nothing fell back: %llu", (unsigned long long)record_epoch->fallbacks);
	check(record_epoch->first_draws == first_draws, "each thread's first draw was a system call: %llu",
	      (unsigned long long)record_epoch->first_draws);
}

/* The survivor draws first: from its second draw on all that is inherited is free. */
static int survivor_first(void)
{
	uint64_t blocks = record_slots->blocks, forks = record_slots->forks, claims = record_slots->claims, i;

	check(!record_epoch->word, "the epoch was wiped");
	draw_times(100, 1);
	no_epoch(forks, claims);
	check(record_epoch->first_draws == 1, "the draw was a first one");
	draw_times(100, SOME - 1);
	new_epoch(forks, 1);
	check(record_epoch->settled == record_epoch->word, "the survivor has settled");
	check(slots_claimed() == 1 && calls_served() == 2, "one slot, two calls, not %llu and %llu: no more than this child's",
	      (unsigned long long)slots_claimed(), (unsigned long long)calls_served());
	for (i = 0; i < HELPERS; i++)
		newcomer(200 + i);
	check(record_slots->blocks == blocks, "new threads reuse what the parent's had: %llu blocks, before %llu",
	      (unsigned long long)record_slots->blocks, (unsigned long long)blocks);
	check(slots_claimed() == HELPERS + 1 && record_epoch->threads == HELPERS + 1, "a slot each");
	check(calls_served() == (HELPERS + 1) * (SOME - 1), "two calls each: %llu", (unsigned long long)calls_served());
	record_consistent("in the child");
	new_epoch(forks, HELPERS + 1);
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
	new_epoch(forks, 4);
	draw_times(400, 1);
	new_epoch(forks, 5);
	check(record_epoch->settled != record_epoch->word, "nobody has settled, nor does the survivor by its first draw");
	for (i = 0; i < total; i++)
		taken += owner[i] && slot_number(i)->owner != owner[i];
	check(!taken, "no slot that was in use before the fork changed hands: %llu did", (unsigned long long)taken);
	check(slots_claimed() == 4, "they have slots all the same");
	total = slots_total();
	draw_times(400, SOME - 1);
	check(record_epoch->settled == record_epoch->word, "the survivor has settled");
	for (i = 0; i < HELPERS; i++)
		newcomer(500 + i);
	check(slots_total() == total, "from then on all slots are used again: %llu, before %llu",
	      (unsigned long long)slots_total(), (unsigned long long)total);
	new_epoch(forks, 5 + HELPERS);
	record_consistent("in the child");
	free(owner);
	return 0;
}

/* A child that draws at most once and forks itself: its child's epoch is as new as any. */
static int generation_without_slot(int times)
{
	uint64_t forks = record_slots->forks, claims = record_slots->claims;
	pid_t child;

	draw_times(600, times);
	no_epoch(forks, claims);
	child = fork_somehow();
	if (!child) {
		draw_some(601);
		check(record_slots->forks == forks + 1, "a process that took no slot does not count among the forks");
		check(slots_claimed() == 1, "one slot in the grandchild");
		check(record_epoch->settled == record_epoch->word, "where the survivor has settled");
		/* The survivor of a process in which it drew once, and took no slot, takes one at once. */
		check(record_epoch->first_draws == !times && calls_served() == SOME - record_epoch->first_draws,
		      "%llu calls, %llu first draws", (unsigned long long)calls_served(),
		      (unsigned long long)record_epoch->first_draws);
		_exit(0);
	}
	wait_ok(child, "the grandchild");
	draw_times(602, SOME - times);
	new_epoch(forks, 1);
	return 0;
}

static int silent_generation(void)
{
	return generation_without_slot(0);
}

static int generation_of_one_draw(void)
{
	return generation_without_slot(1);
}

static void *parent(void *unused)
{
	static int (*const children[])(void) = { survivor_first, newcomers_first, silent_generation, generation_of_one_draw };
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

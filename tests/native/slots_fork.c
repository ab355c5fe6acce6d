/* SPDX-License-Identifier: MIT */
/*
 * What a forked child does with the slots that it inherits: its one thread keeps its slot and draws from there
 * anew, its new threads have theirs, and what it counts is its own. The one that survives may be any thread of the
 * parent. Usage: slots_fork fork|_Fork|clone main|thread
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"
#include "places.h"

#define HELPERS	30

static struct draws *draws;
static const char *how;

/* ---- Threads that draw and stay ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drew = PTHREAD_COND_INITIALIZER;
static unsigned int present;

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
	pthread_cond_signal(&drew);
	pthread_mutex_unlock(&lock);
	for (;;)
		pause();
	return NULL;
}

/* A new thread at a place has drawn and lives as long as the process. */
static void newcomer(size_t place, uint64_t who)
{
	unsigned int before = present;

	place_start(place, stay, (void *)(uintptr_t)who);
	pthread_mutex_lock(&lock);
	while (present == before)
		pthread_cond_wait(&drew, &lock);
	pthread_mutex_unlock(&lock);
}

static pid_t fork_somehow(void)
{
	if (!strcmp(how, "_Fork") && libc._Fork)
		return libc._Fork();
	if (!strcmp(how, "clone"))
		return raw_clone(SIGCHLD);
	return fork();
}

/* ---- Children ---- */

struct survivor {
	uint32_t slot;		/* in the parent */
	uint32_t used;		/* slots of the parent, */
	uint64_t stamps[64];	/* and the stamp of each */
};

static void note_stamps(struct survivor *parent)
{
	parent->used = slots_used();
	if (parent->used > sizeof(parent->stamps) / sizeof(parent->stamps[0])) {
		tap_line("", "Bail out! %u slots are too many", parent->used);
		_exit(1);
	}
	for (uint32_t i = 0; i < parent->used; i++)
		parent->stamps[i] = tail_of(i)->stamp;
}

/* How many slots have another stamp than in the parent; each of these must be younger, or 0. */
static uint32_t stamps_changed(const struct survivor *parent)
{
	uint32_t changed = 0, older = 0;

	for (uint32_t i = 0; i < parent->used; i++) {
		changed += tail_of(i)->stamp != parent->stamps[i];
		older += tail_of(i)->stamp && tail_of(i)->stamp < parent->stamps[i];
	}
	check(!older, "no slot has a stamp of before the fork: %u", older);
	return changed;
}

static void all_wiped(void)
{
	uint32_t wiped = 0;

	for (uint32_t i = 0; i < slots_used(); i++)
		wiped += !tail_of(i)->stamp && !tail_of(i)->begun && !tail_of(i)->calls && !tail_of(i)->bytes;
	check(wiped == slots_used(), "the kernel has wiped all %u tails: %u", slots_used(), wiped);
}

static int survivor_first(const struct survivor *parent)
{
	uint32_t used = slots_used(), slot;

	all_wiped();
	slot = draw_and_tell(draws, 100);
	check(slot == parent->slot, "the survivor draws at once from slot %u, which was its: %u", parent->slot, slot);
	check(tail_of(slot)->stamp > parent->stamps[slot], "with a stamp younger than the parent's there: %llu, %llu",
	      (unsigned long long)tail_of(slot)->stamp, (unsigned long long)parent->stamps[slot]);
	check(slots_used() == used && calls_served() == 1, "no slot more, and one call of this process's own");
	for (size_t i = 0; i < HELPERS; i++)
		newcomer(HELPERS + i, 200 + i);
	check(slots_used() == used + HELPERS, "threads at other places have slots of their own: %u and %u", used, slots_used());
	check(calls_served() == 1 + HELPERS * (SOME - 1), "what was counted is this process's: %llu",
	      (unsigned long long)calls_served());
	check(draw_and_tell(draws, 101) == parent->slot, "the survivor draws on");
	record_consistent("in the child");
	return 0;
}

/* Threads at the places of threads that stayed behind, while the survivor has not drawn yet. */
static int newcomers_first(const struct survivor *parent)
{
	uint32_t used = slots_used();

	for (size_t i = 0; i < HELPERS; i++)
		newcomer(i, 300 + i);
	check(slots_used() == used, "threads at the places of the parent's have their slots: %u, before %u", slots_used(), used);
	check(calls_served() == HELPERS * (SOME - 1), "no state of the parent's is handed on: %llu calls",
	      (unsigned long long)calls_served());
	check(!tail_of(parent->slot)->calls, "and the survivor's is nobody else's");
	check(draw_and_tell(draws, 400) == parent->slot, "until it draws from there");
	check(stamps_changed(parent) == parent->used, "all %u slots have a new stamp", parent->used);
	record_consistent("in the child");
	return 0;
}

/* A child that does not draw and forks itself: the same in its child. */
static int silent_generation(const struct survivor *parent)
{
	pid_t child = fork_somehow();

	if (!child) {
		all_wiped();
		check(draw_and_tell(draws, 600) == parent->slot, "a grandchild draws from the same slot");
		check(tail_of(parent->slot)->stamp > parent->stamps[parent->slot], "with a younger stamp");
		_exit(0);
	}
	wait_ok(child, "the grandchild");
	check(draw_and_tell(draws, 601) == parent->slot, "the child draws afterwards");
	check(calls_served() == 1, "and has counted its own call only");
	return 0;
}

static void *parent(void *unused)
{
	static int (*const children[])(const struct survivor *) = { survivor_first, newcomers_first, silent_generation };
	struct survivor self;
	uint64_t calls;
	size_t i;

	draw_some(1);
	self.slot = draw_and_tell(draws, 2);
	check(self.slot != NO_SLOT, "the thread that forks has slot %u", self.slot);
	note_stamps(&self);
	calls = calls_served();
	for (i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		pid_t child = fork_somehow();

		if (!child)
			_exit(children[i](&self));
		wait_ok(child, "the child");
	}
	check(calls_served() == calls && !stamps_changed(&self), "nothing has changed in the parent");
	check(draw_and_tell(draws, 3) == self.slot, "and it draws on");
	return unused;
}

int main(int argc, char *argv[])
{
	size_t i;

	if (argc != 3)
		return 2;
	how = argv[1];
	case_begin("a forked child's thread keeps its slot, and its new threads have theirs", 60);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(20000);
	places_make(2 * HELPERS + 1);
	draw_some(0);
	for (i = 0; i < HELPERS; i++)
		newcomer(i, 10 + i);
	if (!strcmp(argv[2], "main"))
		parent(NULL);
	else
		place_run(2 * HELPERS, parent, NULL);
	record_consistent("in the parent");
	outputs_distinct(draws, "of all processes");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * A child on borrowed memory (vfork, clone with CLONE_VM) registers nothing in the record of the process that it
 * borrows from: where the parent's thread has no state, it uses the system call, for a first draw and for any other.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <pthread.h>
#include <sched.h>

static struct draws *draws;
static char stack[256 * 1024] __attribute__((aligned(64)));

struct scene {
	bool by_vfork;
	int before;	/* draws of the parent's thread, */
	int times;	/* then of its child */
};

static void draw_times(uint64_t who, int times)
{
	unsigned char bytes[32];

	while (times--) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static int body(void *scene)
{
	draw_times(2, ((struct scene *)scene)->times);
	syscall(SYS_exit_group, 0);
	return 0;
}

static pid_t start(struct scene *scene)
{
	pid_t child;

	if (!scene->by_vfork)
		return clone(body, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, scene);
	child = vfork();
	if (!child)
		body(scene);
	return child;
}

struct figures {
	uint64_t word, threads, fallbacks, first_draws, claimed, forks, calls;
};

static struct figures figures_now(void)
{
	return (struct figures){ record_epoch->word, record_epoch->threads, record_epoch->fallbacks, record_epoch->first_draws,
				 slots_claimed(), record_slots->forks, calls_served() };
}

/* In a thread that has no slot. */
static void *borrow(void *of)
{
	struct scene *scene = of;
	uint64_t first_draws = scene->before ? 0 : 1;
	struct figures before, after;

	draw_times(3, scene->before);
	before = figures_now();
	wait_ok(start(scene), "the child");
	after = figures_now();
	check(after.first_draws == before.first_draws + first_draws &&
	      after.fallbacks == before.fallbacks + (uint64_t)scene->times - first_draws && after.calls == before.calls,
	      "%d of %d and %d draws, the child's, were system calls", scene->times, scene->before, scene->times);
	check(after.word == before.word && after.claimed == before.claimed && after.threads == before.threads &&
	      after.forks == before.forks, "nothing was registered");
	before = after;
	draw_times(3, 1);
	after = figures_now();
	check(after.fallbacks == before.fallbacks && after.first_draws == before.first_draws &&
	      after.claimed == before.claimed + 1 && after.threads == before.threads + 1 && after.calls == before.calls + 1,
	      "the thread itself has its slot");
	return NULL;
}

int main(void)
{
	static struct scene scenes[] = {
		{ false, 0, 1 }, { false, 0, 2 }, { false, 1, 1 }, { false, 1, 2 },
		{ true, 0, 1 }, { true, 0, 2 }, { true, 1, 1 }, { true, 1, 2 },
	};
	pthread_t thread;
	uint64_t calls;

	case_begin("a child on borrowed memory registers nothing", 30);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(100);
	draw_times(1, 1);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		pthread_create(&thread, NULL, borrow, &scenes[i]);
		pthread_join(thread, NULL);
	}
	/* A thread that has a state waits while its vfork child uses it. */
	calls = calls_served();
	wait_ok(start(&(struct scene){ .by_vfork = true, .times = 1 }), "the child");
	draw_times(4, 1);
	check(calls_served() == calls + 2, "parent and child draw in turn from the parent's state");
	outputs_distinct(draws, "of parents and children");
	return case_end();
}

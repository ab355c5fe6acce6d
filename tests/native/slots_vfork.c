/* SPDX-License-Identifier: MIT */
/*
 * A child on borrowed memory (vfork, clone with CLONE_VM and CLONE_VFORK) draws with the record of its suspended
 * parent: the two count as one thread, whether the parent's has drawn before or not.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"
#include "places.h"

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

/* In a thread that has no slot. */
static void *borrow(void *of)
{
	struct scene *scene = of;
	int all = scene->before + scene->times + 1;
	uint64_t calls = calls_served();
	uint32_t used = slots_used(), slot;

	draw_times(3, scene->before);
	wait_ok(start(scene), "the child");
	slot = draw_and_tell(draws, 3);
	check(slots_used() == used + 1 && slot == used, "%d and %d draws and one more: one new slot", scene->before, scene->times);
	check(calls_served() == calls + (uint64_t)all - 1, "but for the first, the vDSO served all %d", all);
	return NULL;
}

int main(void)
{
	static struct scene scenes[] = {
		{ false, 0, 1 }, { false, 0, 2 }, { false, 1, 1 }, { false, 1, 2 }, { false, 5, 5 },
		{ true, 0, 1 }, { true, 0, 2 }, { true, 1, 1 }, { true, 1, 2 }, { true, 5, 5 },
	};
	const size_t count = sizeof(scenes) / sizeof(scenes[0]);

	case_begin("a child on borrowed memory draws with its parent's record", 30);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(200);
	places_make(count);
	for (size_t i = 0; i < count; i++)
		place_run(i, borrow, &scenes[i]);
	record_consistent("at the end");
	outputs_distinct(draws, "of parents and children");
	return case_end();
}

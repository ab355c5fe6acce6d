/* SPDX-License-Identifier: MIT */
/*
 * Threads - one, more than an implementation has states for at first, thousands - draw under a filter that kills
 * for every system call but getrandom and those that the program makes itself, and for mmap with flags that no
 * allocator uses. They began before the filter did, and had drawn never, once or twice; or they begin under it.
 *
 * Source: seccomp(2); browsers confine their renderers like that. getrandom(2) names no other system call
 * Kind: quality
 */
#include "confined.h"

static const struct scene scenes[] = {
	{ .name = "1 new thread", .play = scene_new_threads, .threads = 1 },
	{ .name = "1 thread of before", .play = scene_old_threads, .threads = 1 },
	{ .name = "24 new threads", .play = scene_new_threads, .threads = 24 },
	{ .name = "24 threads of before", .play = scene_old_threads, .threads = 24 },
	{ .name = "200 new threads", .play = scene_new_threads, .threads = 200 },
	{ .name = "200 threads of before", .play = scene_old_threads, .threads = 200 },
	/* In the full profile: */
	{ .name = "5,000 new threads", .play = scene_new_threads, .threads = 5000 },
	{ .name = "5,000 threads of before", .play = scene_old_threads, .threads = 5000 },
};

int main(int argc, char *argv[])
{
	return confined_case(argc, argv, "threads under a filter", scenes, scaled(6, 8), false);
}

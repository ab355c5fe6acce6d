/* SPDX-License-Identifier: MIT */
/*
 * The threads of a forked child draw under a filter that the child has installed, which kills for every system call
 * but getrandom and those that the program makes itself, and for mmap with flags that no allocator uses.
 *
 * Source: seccomp(2); servers with worker processes do that. getrandom(2) names no other system call that a draw
 *	could need
 * Kind: quality
 */
#include "confined.h"

static const struct scene scenes[] = {
	{ .name = "a new thread of a child", .play = scene_child, .threads = 1, .before = 1 },
	{ .name = "a child's thread of before", .play = scene_childs_old_threads, .threads = 1, .before = 2 },
	{ .name = "24 new threads of a child", .play = scene_child, .threads = 24, .before = 2 },
	{ .name = "a child's 24 threads of before", .play = scene_childs_old_threads, .threads = 24, .before = 1 },
	{ .name = "200 new threads of a child", .play = scene_child, .threads = 200 },
	{ .name = "a child's 200 threads of before", .play = scene_childs_old_threads, .threads = 200 },
};

int main(int argc, char *argv[])
{
	return confined_case(argc, argv, "threads of a child under a filter", scenes,
			     sizeof(scenes) / sizeof(scenes[0]), false);
}

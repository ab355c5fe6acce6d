/* SPDX-License-Identifier: MIT */
/*
 * A program that is executed under a filter which kills for every system call but getrandom, those that it makes
 * itself and those that dynamic loaders make, starts, and draws in all its threads and children.
 *
 * Source: seccomp(2): a filter stays over execve; getrandom(2) names no other system call that a draw could need
 * Kind: quality
 */
#include "confined.h"

static const struct scene scenes[] = {
	{ .name = "a program", .play = scene_main },
	{ .name = "its new thread", .play = scene_new_threads, .threads = 1 },
	{ .name = "24 new threads", .play = scene_new_threads, .threads = 24 },
	{ .name = "200 new threads", .play = scene_new_threads, .threads = 200 },
	{ .name = "its child", .play = scene_child },
	{ .name = "24 new threads of its child", .play = scene_child, .threads = 24 },
	{ .name = "5,000 new threads", .play = scene_new_threads, .threads = 5000 },	/* in the full profile */
};

int main(int argc, char *argv[])
{
	return confined_case(argc, argv, "executed under a filter", scenes, scaled(6, 7), true);
}

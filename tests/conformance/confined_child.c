/* SPDX-License-Identifier: MIT */
/*
 * A forked child that confines itself before its first draw, after one or after two, by a filter that kills for
 * every system call but getrandom and those that it makes itself, draws on; whether its parent had drawn never,
 * once or twice.
 *
 * Source: seccomp(2); daemons do that. getrandom(2) names no other system call that a draw could need
 * Kind: quality
 */
#include "confined.h"

static const struct scene scenes[] = {
	{ .name = "the child of a parent that never drew", .play = scene_child },
	{ .name = "the child of a parent that drew once", .play = scene_child, .before = 1 },
	{ .name = "the child of a parent that drew twice", .play = scene_child, .before = 2 },
	{ .name = "a child that is forked under the filter", .play = scene_fork_confined },
};

int main(int argc, char *argv[])
{
	return confined_case(argc, argv, "a forked child confines itself", scenes,
			     sizeof(scenes) / sizeof(scenes[0]), false);
}

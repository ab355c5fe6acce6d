/* SPDX-License-Identifier: MIT */
/*
 * A program that confines itself before its first draw, after one or after two, by a filter that kills for every
 * system call but getrandom and those that it makes itself, draws on.
 *
 * Source: seccomp(2); getrandom(2) names no other system call that a draw could need
 * Kind: quality
 */
#include "confined.h"

static const struct scene scenes[] = {
	{ .name = "a program", .play = scene_main },
};

int main(int argc, char *argv[])
{
	return confined_case(argc, argv, "a program confines itself", scenes,
			     sizeof(scenes) / sizeof(scenes[0]), false);
}

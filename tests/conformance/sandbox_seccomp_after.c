/* SPDX-License-Identifier: MIT */
/*
 * A program that draws, and then locks itself in with a seccomp filter that refuses any one system call other than
 * getrandom, still draws.
 *
 * Source: seccomp(2), getrandom(2); as for the filter before the first draw
 * Kind: quality
 */
#include "sandbox.h"

int main(int argc, char *argv[])
{
	return sandbox_case(argc, argv, "a filter after the first draw", true);
}

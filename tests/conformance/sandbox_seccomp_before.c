/* SPDX-License-Identifier: MIT */
/*
 * A program that locks itself in before its first draw, with a seccomp filter that refuses any one system call other
 * than getrandom - by a kill, by EPERM, by ENOSYS - still draws.
 *
 * Source: seccomp(2); getrandom(2) says nothing of other calls, and filters are written from such pages. dhcpcd was
 *	killed by its own filter at its first arc4random (NetworkConfiguration/dhcpcd, issue 421)
 * Kind: quality
 */
#include "sandbox.h"

int main(int argc, char *argv[])
{
	return sandbox_case(argc, argv, "a filter before the first draw", false);
}

/* SPDX-License-Identifier: MIT */
/*
 * Under a filter that answers EPERM or ENOSYS to getrandom, a draw that needs the system call fails with that
 * errno, and makes no other call than this one.
 *
 * Source: seccomp(2); getrandom(2), getentropy(3): ENOSYS
 * Kind: quality
 */
#include "counted.h"

int main(int argc, char *argv[])
{
	return counted_case(argc, argv, "getrandom is answered with an errno", true, false);
}

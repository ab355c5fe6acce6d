/* SPDX-License-Identifier: MIT */
/*
 * Under a filter that answers EPERM or ENOSYS to getrandom and to every call that the program does not make itself,
 * a draw that needs the system call fails with that errno, and makes no other call than this one.
 *
 * Source: seccomp(2); getrandom(2), getentropy(3): ENOSYS
 * Kind: quality
 */
#include "counted.h"

int main(int argc, char *argv[])
{
	return counted_case(argc, argv, "getrandom and all else is answered with an errno", true, true);
}

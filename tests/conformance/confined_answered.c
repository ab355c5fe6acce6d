/* SPDX-License-Identifier: MIT */
/*
 * Under a filter that answers EPERM or ENOSYS to every system call but getrandom and those that the program makes
 * itself, every draw succeeds and costs one system call at most.
 *
 * Source: seccomp(2); getrandom(2), ERRORS: nothing there comes from other calls
 * Kind: quality
 */
#include "counted.h"

int main(int argc, char *argv[])
{
	return counted_case(argc, argv, "all but getrandom is answered with an errno", false, true);
}

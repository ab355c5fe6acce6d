/* SPDX-License-Identifier: MIT */
/*
 * Promise: after fork(), parent and child never draw the same bytes, wherever in its supply the parent stood.
 * Source: fork(2) and getrandom(2): the system call has no state that a fork could copy.
 * Kind: promise
 */
#include "family.h"

int main(void)
{
	family_begin("parent and child of a fork draw different bytes", 1000000);
	return family_case(fork, "fork");
}

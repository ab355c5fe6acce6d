/* SPDX-License-Identifier: MIT */
/*
 * Promise: pthread_atfork handlers may draw: before the fork, and after it in the parent and in the child, where
 * they are the first to do so.
 * Source: pthread_atfork(3). Allocators, and libraries that seed a generator of their own, do this.
 * Kind: promise
 */
#include "family.h"

static void prepare(void)
{
	family_draw(11, 1);
}

static void in_parent(void)
{
	family_draw(12, 2);
}

static void in_child(void)
{
	family_draw(13, 2);
}

int main(void)
{
	family_begin("pthread_atfork handlers draw bytes of their own", 1000000);
	pthread_atfork(prepare, in_parent, in_child);
	return family_case(fork, "fork with handlers that draw");
}

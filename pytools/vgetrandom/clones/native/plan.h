/* SPDX-License-Identifier: MIT */
/* What init.c and watch.c share: the contenders of a guest, as the file /vgetrandom/plan lists them. */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "record.h"

#define FOLDER		"/vgetrandom"
#define MOST_WORDS	64
#define MOST		64	/* contenders */

/*
 * The plan is a row of strings that end with a zero byte: draws, lines, milliseconds, "idle" or "", then for each
 * contender "draw" or "lines", its root folder, its environment and "", its words and "".
 */
struct contender {
	uint64_t number;
	bool lines;		/* a program that prints lines; otherwise draw.c, which records by itself */
	const char *root;
	char *environment[MOST_WORDS];
	char *words[MOST_WORDS];
	pid_t pid;		/* of draw.c */
};

extern struct control *control;
extern struct contender contenders[MOST];
extern size_t contender_count;

/* Start one contender; its standard output is `output`, -1 for the console's. Returns its pid. */
pid_t start(const struct contender *contender, int output);

/* watch.c: in a process of its own, record lines and what the kernel says. Never returns. */
_Noreturn void watch(void);

#endif

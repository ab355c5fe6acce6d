/* SPDX-License-Identifier: MIT */
/* What init.c, watch.c and disk.c share: the contenders of a guest, as the file /vgetrandom/plan lists them. */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "record.h"

#define FOLDER		"/vgetrandom"
#define DISK		FOLDER "/roots/disk"
#define LIBRARY		"/libvgetrandom.so"
#define MOST_WORDS	64

/*
 * The plan is a row of strings that end with a zero byte: draws, lines, milliseconds, "idle" or "", "disk" or "", then for
 * each contender its name, "draw" or "lines", its root folder, its environment and "", its words and "".
 */
struct contender {
	uint64_t number;
	const char *name;
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

/* Say why the guest is of no use; the host then ends it. As printf(3), with the end of the line. */
void trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * This process's policy (sched(7)) from now on. By the system call: musl's function does nothing, since the call is about one
 * thread, and POSIX's function about a process.
 */
void set_policy(int policy, int priority);

/* Wait for a child that is about to end, and say that it did, which none is to do; -1: for any that has ended. */
void say_ended(pid_t pid);

/* disk.c: mount the file system of the disk that has the program `wanted` at DISK. */
void mount_disk(const char *wanted);

/* watch.c: in a process of its own, record lines and what the kernel says. Never returns. */
_Noreturn void watch(void);

#endif

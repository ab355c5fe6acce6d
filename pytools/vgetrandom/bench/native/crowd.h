/* SPDX-License-Identifier: MIT */
/* Threads that are all alive at once, and do a piece of work each when they are told to. */
#ifndef CROWD_H
#define CROWD_H

struct crowd;

/* What thread `member`, from 0, does each time. */
typedef void crowd_work(void *argument, long member);

/* Starts the threads, which wait. NULL: this host does not let a process have so many; none is left then. */
struct crowd *crowd_gather(long threads, crowd_work *work, void *argument);

/* Each thread works once, wherever the scheduler puts it. Returns when all have, and wait again. */
void crowd_do(struct crowd *crowd);

/* Ends the threads, and waits until they are gone. NULL is nobody. */
void crowd_dismiss(struct crowd *crowd);

#endif

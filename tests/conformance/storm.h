/* SPDX-License-Identifier: MIT */
/*
 * A storm of signals at one thread. The handler sets the timer anew each time: a periodic timer of a few microseconds
 * would leave some machines no time for anything else.
 */
#ifndef CONFORM_STORM_H
#define CONFORM_STORM_H

#include "tap.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid	/* glibc has the field, but not the name */
#endif

struct storm {
	int timer;
	long nanoseconds, least;	/* from one signal to the next; and at least */
	uint64_t strikes, wanted;
};

/* The next signal comes after so many nanoseconds, unless enough have come. Async-signal-safe. */
static inline void storm_again(struct storm *storm)
{
	struct { long sec, nsec; } when[2] = { { 0, 0 }, { 0, storm->nanoseconds } };

	if (__atomic_load_n(&storm->strikes, __ATOMIC_RELAXED) < storm->wanted)
		syscall(SYS_timer_settime, storm->timer, 0, when, NULL);
}

/* First thing in the handler: count the signal. */
static inline void storm_strikes(struct storm *storm)
{
	__atomic_fetch_add(&storm->strikes, 1, __ATOMIC_RELAXED);
	storm->nanoseconds = storm->nanoseconds / 2 > storm->least ? storm->nanoseconds / 2 : storm->least;
}

/* Instead, for a signal that came too early to be of use: on a slow machine, where most do, the next ones come later. */
static inline void storm_misses(struct storm *storm)
{
	if (storm->nanoseconds < 10000000)
		storm->nanoseconds += storm->nanoseconds / 16;
}

/* Begin to send the calling thread `wanted` signals. Returns false when the kernel refuses. */
static inline bool storm_begin(struct storm *storm, int signal, long nanoseconds, uint64_t wanted)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal };

	event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	storm->nanoseconds = storm->least = nanoseconds;
	storm->strikes = 0;
	storm->wanted = wanted;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &storm->timer))
		return false;
	storm_again(storm);
	return true;
}

static inline bool storm_rages(struct storm *storm)
{
	return __atomic_load_n(&storm->strikes, __ATOMIC_RELAXED) < storm->wanted;
}

#endif

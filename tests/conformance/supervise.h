/* SPDX-License-Identifier: MIT */
/*
 * A thread's getrandom system calls are answered by another thread of its process (seccomp's user notification,
 * Linux 5.0): with 0, with fewer bytes than were asked for, or with an errno.
 */
#ifndef CONFORM_SUPERVISE_H
#define CONFORM_SUPERVISE_H

#include "sandbox.h"

#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

#define DO_NOTIFY	0x7fc00000u	/* SECCOMP_RET_USER_NOTIF */

/* struct seccomp_notif and struct seccomp_notif_resp of linux/seccomp.h. */
struct notice {
	uint64_t id;
	uint32_t pid, flags;
	int32_t number;
	uint32_t architecture;
	uint64_t instruction, arguments[6];
};

struct reply {
	uint64_t id;
	int64_t value;
	int32_t error;		/* a negative errno; 0: none */
	uint32_t flags;
};

#define RECEIVE_NOTICE	_IOWR('!', 0, struct notice)
#define SEND_REPLY	_IOWR('!', 1, struct reply)

/*
 * From now on the calling thread's getrandom system calls wait for an answer to their notices. Returns the
 * descriptor from which these are read; -1: this kernel can't do that.
 */
static inline int supervise_listen(void)
{
	struct bpf_step steps[] = {
		{ LOAD_WORD, 0, 0, AT_NUMBER },
		{ JUMP_IF_EQUAL, 0, 1, SYS_getrandom },
		{ RETURN, 0, 0, DO_NOTIFY },
		{ RETURN, 0, 0, DO_ALLOW },
	};
	struct bpf_program filter = { sizeof(steps) / sizeof(steps[0]), steps };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 8 /* SECCOMP_FILTER_FLAG_NEW_LISTENER */,
			    &filter);
}

/* What the supervisor answers; it may fill the buffer. The number counts the calls since supervise_restart(). */
typedef ssize_t supervisor(void *bytes, size_t length, unsigned int number);

static struct {
	supervisor *answer;
	int listener;		/* file descriptor; -1: not yet */
	uint32_t calls;		/* since supervise_restart() */
	uint32_t enough;	/* later calls are answered in full */
} supervised = { .listener = -1 };

static void *supervise(void *unused)
{
	while (__atomic_load_n(&supervised.listener, __ATOMIC_SEQ_CST) == -1)
		sched_yield();
	for (;;) {
		struct notice notice = { 0 };
		struct reply reply = { 0 };
		uint32_t number;
		ssize_t answer;

		if (ioctl(supervised.listener, RECEIVE_NOTICE, &notice)) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			return unused;
		}
		number = __atomic_fetch_add(&supervised.calls, 1, __ATOMIC_SEQ_CST);
		if (number < supervised.enough)
			answer = supervised.answer((void *)(uintptr_t)notice.arguments[0], notice.arguments[1], number);
		else
			answer = syscall(SYS_getrandom, notice.arguments[0], notice.arguments[1], 0);
		reply.id = notice.id;
		reply.value = answer < 0 ? 0 : answer;
		reply.error = answer < 0 ? (int32_t)answer : 0;
		ioctl(supervised.listener, SEND_REPLY, &reply);
	}
}

/* From now on the calling thread's getrandom system calls are answered so. False: this kernel can't do that. */
static inline bool supervise_begin(supervisor *answer)
{
	pthread_t thread;
	int listener;

	supervised.answer = answer;
	/* Begun before the filter: its own calls are not answered by itself. */
	if (pthread_create(&thread, NULL, supervise, NULL))
		return false;
	listener = supervise_listen();
	__atomic_store_n(&supervised.listener, listener, __ATOMIC_SEQ_CST);
	return listener >= 0;
}

/* Before a draw: its first so many calls are answered as said. */
static inline void supervise_restart(uint32_t enough)
{
	__atomic_store_n(&supervised.enough, enough, __ATOMIC_SEQ_CST);
	__atomic_store_n(&supervised.calls, 0, __ATOMIC_SEQ_CST);
}

#endif

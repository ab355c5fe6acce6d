/* SPDX-License-Identifier: MIT */
/*
 * What a new thread does with the slot that it finds at the address of its record. When the dead owner was at
 * rest, it draws on, without any system call. When that one ended in a draw, or the page was dropped, it begins
 * anew from zeros. The middle of a draw is written into the tail and the state by this program, which owns that
 * memory.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"
#include "places.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define DRAWS	4
#define LEFT	0xa5	/* what a state in the middle of a draw is filled with here */

static struct draws *draws;

/* From now on this thread's getrandom system calls fail. */
static bool refuse_getrandom(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

struct visit {
	bool refused;		/* by a filter, the system call */
	int served;		/* of DRAWS, how many returned bytes */
};

static void *visit(void *argument)
{
	struct visit *visit = argument;
	unsigned char bytes[32];

	if (visit->refused && !expect(refuse_getrandom(), "a filter: errno %d", errno))
		return NULL;
	for (int i = 0; i < DRAWS; i++) {
		if (libc.getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			continue;
		visit->served++;
		draws_add(draws, bytes, sizeof(bytes), (uintptr_t)visit);
	}
	return NULL;
}

/* A visit at place 0; returns how many draws were served. */
static int visited(bool refused)
{
	struct visit one = { .refused = refused };

	place_run(0, visit, &one);
	return one.served;
}

static bool left_over(uint32_t slot)
{
	const unsigned char *state = state_of(slot);

	for (uint32_t i = 0; i + 8 <= record->state_size; i++)
		if (state[i] == LEFT && !memcmp(state + i, state + i + 1, 7))
			return true;
	return false;
}

/* The next visitor must find a state that is not its own, and be given another stamp. */
static void begun_anew(uint32_t slot, uint64_t calls, const char *what)
{
	volatile struct vgetrandom_tail *tail = tail_of(slot);
	uint64_t stamp = stamps_youngest();

	check(visited(false) == DRAWS, "%s: the next thread draws", what);
	check(tail->stamp > stamp, "%s: it has a new stamp: %llu", what, (unsigned long long)tail->stamp);
	check(!left_over(slot), "%s: nothing is left of the state", what);
	check(tail->calls == calls + DRAWS - 1 && tail->begun == tail->calls,
	      "%s: its first draw is a system call, the others are counted: %llu", what, (unsigned long long)tail->calls);
}

int main(void)
{
	volatile struct vgetrandom_tail *tail;
	struct vgetrandom_tail before;
	uint32_t slot;

	case_begin("what a dead thread left is handed on, or begun anew", 60);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(1000);
	places_make(2);
	check(visited(false) == DRAWS, "the first thread draws");
	check(slots_used() == 1, "and has the first slot");
	slot = 0;
	tail = tail_of(slot);
	check(tail->calls == DRAWS - 1 && tail->begun == DRAWS - 1 && tail->bytes == 32 * (DRAWS - 1), "it has counted");

	before = *(struct vgetrandom_tail *)tail;
	check(visited(true) == DRAWS, "at rest: the next thread draws without any system call");
	check(tail->stamp == before.stamp && tail->calls == before.calls + DRAWS, "at rest: by the stamp that was there");

	memset(state_of(slot), LEFT, record->state_size);
	tail->begun++;
	begun_anew(slot, tail->calls, "ended in a draw");

	memset(state_of(slot), LEFT, record->state_size);
	tail->begun++;
	check(visited(true) == 0, "ended in a draw, and no system call: no bytes at all");
	begun_anew(slot, tail->calls, "after that");

	memset(state_of(slot), 0, record->state_stride);
	check(visited(true) == 0 && !tail->stamp && !tail->begun, "dropped, and no system call: no bytes, and nobody was inside");
	begun_anew(slot, 0, "dropped");

	place_run(1, visit, &(struct visit){ 0 });
	check(slots_used() == 2, "elsewhere a thread has a slot of its own");
	record_consistent("at the end");
	outputs_distinct(draws, "of all threads");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * The slot protocol; tests/model/ explores it exhaustively, change the two together.
 *
 * The home of a slot is the address of a thread's record. Two threads that are alive have two of them, whoever made the
 * threads. A slot is given to a home once and for ever. So a thread that finds its home in the table finds
 *   1. its own slot: nobody else has used it; or
 *   2. the slot of a thread that has ended, whose record was at this address. Nobody is inside it.
 * In a forked child one thread is left, with its record and so its slot, on a page that the kernel wiped. The
 * other slots can come only to new threads whose records are where those of the parent's threads were. A
 * vfork child draws on the record of its parent, which waits. What must stay true: no two executions ever use
 * one state.
 *
 * Memory order: the end of a thread comes before the use of its record's address by another one, so all that
 * the old owner wrote is seen by the new one. Only the lists of the table are shared by threads that are
 * alive.
 */
#include "slots.h"

struct slots_table slots_table = { 0 };

static size_t states_per_page(void)
{
	return core.page_size / core.state_stride;
}

size_t slots_size(void)
{
	return (SLOTS + states_per_page() - 1) / states_per_page() * core.page_size;
}

/* Page by page: no state straddles two. */
static void settle(size_t number)
{
	unsigned char *page = core.states + number / states_per_page() * core.page_size;

	core_thread.slot = &slots_table.slots[number];
	core_thread.tail = (struct tail *)(page + number % states_per_page() * core.state_stride + core.state_size);
}

/* Fibonacci hashing (Knuth, TAOCP 6.4): records are at regular distances from each other, as stacks are. */
static uint16_t *bucket_of(uint64_t home)
{
	return &slots_table.buckets[home * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (BUCKETS - 1)];
}

/* Whether this thread has a slot now. */
static bool find(void)
{
	const struct slot *slots = slots_table.slots;
	uint64_t home = (uintptr_t)&core_thread;
	/* Partner: the release in give(). The slots that the head leads to are written. */
	uint64_t number = __atomic_load_n(bucket_of(home), __ATOMIC_ACQUIRE);

	while (number && slots[number - 1].home != home)
		number = slots[number - 1].next;
	if (number)
		settle(number - 1);
	return number;
}

/* A slot that nobody has had. A thread that ends in here leaves at most that one slot unused for ever. */
static bool give(void)
{
	uint64_t home = (uintptr_t)&core_thread;
	uint16_t *bucket = bucket_of(home), head;
	struct slot *slot;
	uint32_t number;

	if (__atomic_load_n(&slots_table.used, __ATOMIC_RELAXED) >= SLOTS)
		return false;
	number = __atomic_fetch_add(&slots_table.used, 1, __ATOMIC_RELAXED);
	if (number >= SLOTS)
		return false;
	slot = &slots_table.slots[number];
	slot->home = home;
	head = __atomic_load_n(bucket, __ATOMIC_RELAXED);
	do
		slot->next = head;
	/* Partner: the acquire in find(). */
	while (!__atomic_compare_exchange_n(bucket, &head, (uint16_t)(number + 1), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	settle(number);
	return true;
}

/*
 * Whether the thread before left its state in order. The stamp is the confirmed one, so the page is the one that
 * was seeded, and was neither dropped nor wiped since. As many draws ended as began, so the thread did not end
 * within one. Then this thread draws on from there.
 */
static bool handed_on(void)
{
	const struct tail *tail = core_thread.tail;
	uint64_t stamp = *(const volatile uint64_t *)&tail->stamp;

	if (stamp < FIRST_STAMP || stamp != core_thread.slot->confirmed || tail->begun != tail->calls)
		return false;
	core_thread.claimed = stamp;
	return true;
}

/*
 * A number that this slot has not had: one more than the last, or the first of many that nobody has taken. So a forked
 * child, whose record is its own, writes nothing into a page that it shares with its parent. A thread to which a state
 * was handed on goes on with its predecessor's numbers: what was confirmed was the last of them.
 */
static uint64_t new_stamp(void)
{
	uint64_t last = core_thread.claimed;

	if (last % STAMPS_TAKEN == 0)
		last = STAMPS_TAKEN * (1 + __atomic_fetch_add(&slots_table.stamps, 1, __ATOMIC_RELAXED));
	return last + 1;
}

/*
 * All zeros is a state to be seeded. From the first write to the end of this thread's draw, one draw more has
 * begun than ended: a thread that ends in between hands nothing on. The new stamp comes before the zeros. If this
 * thread is moved to where the page is another one (a drop that not all processors know of yet), then the stamp or
 * the zeros are not where the draw ends, and slots_confirm() sees it.
 */
static void renew(void)
{
	struct tail *tail = core_thread.tail;
	volatile uint64_t *state = slots_state(tail), *stamp = &tail->stamp;
	uint64_t number = new_stamp();

	if (core_thread.slot->confirmed)
		core_thread.slot->confirmed = 0;
	barrier();
	if (!*stamp)
		tail->calls = tail->bytes = 0;	/* another process's, or lost */
	tail->begun = tail->calls + 1;
	barrier();
	*stamp = number;
	while (state < stamp)
		*state++ = 0;
	barrier();
	tail->begun = tail->calls;	/* slots_begin() comes next */
	core_thread.claimed = number;
}

bool slots_claim(uint64_t stamp, bool eager)
{
	/* We interrupted a draw of this thread, which goes on when we return. */
	if (stamp == BUSY)
		return false;
	if (stamp != NO_ROOM && stamp != REFUSED) {
		bool found = core_thread.tail || find();

		if (stamp == NEVER && found && handed_on())
			return true;
		if (stamp != NEVER || eager) {
			if (found || give()) {
				renew();
				return true;
			}
			stamp = NO_ROOM;
		}
	}
	barrier();
	core_thread.stamp = stamp;
	return false;
}

/*
 * The next draw takes a slot: many threads draw only once. After a refusal it takes none: a filter may refuse
 * getrandom, and the vDSO asks for a key first, so that each draw would be refused twice.
 */
void slots_answered(void)
{
	if (core_thread.stamp == NEVER || core_thread.stamp == REFUSED)
		core_thread.stamp = DREW_ONCE;
}

bool slots_still_hold(uint64_t stamp)
{
	if (slots_hold(stamp))
		return true;
	if (core_thread.stamp == stamp)
		core_thread.stamp = DREW_ONCE;
	return false;
}

bool slots_confirm(uint64_t stamp)
{
	if (!slots_still_hold(stamp))
		return false;
	/* The first thread, which forks most often, has no heir. */
	if (&core_thread != core.first)
		core_thread.slot->confirmed = stamp;
	return true;
}

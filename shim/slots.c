/* SPDX-License-Identifier: MIT */
/*
 * The slot protocol: who may use which state. tests/model/slot_model.py explores it exhaustively; change the
 * two together. What must stay true: no two executions ever use one state, and no state is zeroed in use.
 */
#include "slots.h"

#include <errno.h>

#include "report.h"
#include "syscalls.h"

#define FIRST_BLOCK 16
#define CACHE_LINE 64
#define FIRST_SKIP 16		/* draws until a thread that found no slot searches again; */
#define LAST_SKIP 1024		/* doubled at each failure up to this */
#define SUCCESS_CREDIT 4	/* live owners that one success lets us probe in vain */

union epoch_page epoch_page __attribute__((aligned(PAGE_MAX)));
struct vgetrandom_slots all_slots = { .claims = 1 };
_Thread_local struct thread thread = { .epoch = NO_EPOCH };

static TOGETHER struct vgetrandom_slot first_block[FIRST_BLOCK] __attribute__((aligned(CACHE_LINE)));

/* Where the search goes on; and whether it is worth while: see search(). */
static TOGETHER uint64_t cursor;
static TOGETHER int64_t credit;

/* Whoever is adding a block, written like a slot's owner; and a block whose states could not be mapped yet. */
static TOGETHER uint64_t grower;
static TOGETHER struct vgetrandom_slot *spare;

#define this_epoch (&epoch_page.epoch)

static size_t block_slots(uint64_t block)
{
	return block ? (size_t)FIRST_BLOCK << (block - 1) : FIRST_BLOCK;
}

/* Blocks double the total each: slot `index` of all is found without walking them. */
static struct vgetrandom_slot *slot_at(uint64_t index)
{
	uint64_t block = index < FIRST_BLOCK ? 0 : (uint64_t)(64 - __builtin_clzll(index / FIRST_BLOCK));
	uint64_t before = block ? block_slots(block) : 0;

	return (struct vgetrandom_slot *)(uintptr_t)all_slots.block[block] + (index - before);
}

static uint64_t total_slots(void)
{
	uint64_t blocks = __atomic_load_n(&all_slots.blocks, __ATOMIC_ACQUIRE);

	return blocks ? (uint64_t)FIRST_BLOCK << (blocks - 1) : 0;
}

static uint64_t next_claim(void)
{
	return __atomic_fetch_add(&all_slots.claims, 1, __ATOMIC_SEQ_CST);
}

static bool replace(uint64_t *word, uint64_t expected, uint64_t desired)
{
	return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/*
 * Whether nobody can be using what `owner` claimed, in the epoch `word`.
 * Claimed before this epoch: the owner stayed behind in the parent, or is the survivor, which may be inside
 * a call that the fork interrupted until it has settled. Claimed in it: the kernel says whether the thread is
 * gone; a recycled tid only makes us wait longer. A handler may have forked since `word` was read, and the
 * owner may be a thread of the child, unknown to the process in `word`: the answer counts only if the epoch still holds.
 */
static bool owner_gone(uint64_t owner, uint64_t word)
{
	if (CLAIM(owner) < CLAIM(word))
		return __atomic_load_n(&this_epoch->settled, __ATOMIC_ACQUIRE) == word;
	return sys_tgkill(ID(word), ID(owner), 0) == -ESRCH && epoch_word() == word;
}

static size_t states_per_page(void)
{
	return process.page_size / process.state_stride;
}

static size_t states_size(size_t count)
{
	return (count + states_per_page() - 1) / states_per_page() * process.page_size;
}

/* The states of a block's slots, in order, page by page: no state straddles two. */
static bool map_states(struct vgetrandom_slot *block, size_t count)
{
	char *states = sys_mmap(states_size(count), (int)process.mmap_prot, (int)process.mmap_flags);

	if (!states)
		return false;
	for (size_t i = 0; i < count; i++)
		block[i].state = (uintptr_t)(states + i / states_per_page() * process.page_size +
					     i % states_per_page() * process.state_stride);
	return true;
}

static void *first_states(void)
{
	return (void *)(uintptr_t)first_block[0].state;
}

static bool add_block(uint64_t block)
{
	if (block == VGETRANDOM_BLOCKS)
		return false;
	if (!spare)
		spare = sys_mmap(block_slots(block) * sizeof(*spare), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	if (!spare || !map_states(spare, block_slots(block)))
		return false;
	all_slots.block[block] = (uintptr_t)spare;
	spare = NULL;
	/* Whoever counts the new slots must find the cursor there and credit to search them. */
	__atomic_store_n(&cursor, total_slots(), __ATOMIC_RELAXED);
	__atomic_store_n(&credit, (int64_t)total_slots() * 2, __ATOMIC_RELAXED);
	__atomic_store_n(&all_slots.blocks, block + 1, __ATOMIC_RELEASE);
	return true;
}

/*
 * Have more slots than the `total` that were too few. One thread at a time adds a block, the others use the system
 * call meanwhile. The right to grow has an owner like a slot's, so that it outlives neither a fork nor its thread.
 */
static bool grow(uint64_t total, uint64_t word, uint64_t self)
{
	uint64_t owner = __atomic_load_n(&grower, __ATOMIC_ACQUIRE);
	bool grown;

	if ((owner && !owner_gone(owner, word)) || !replace(&grower, owner, self))
		return false;
	/* Another thread may have grown since we counted. */
	grown = total_slots() > total || add_block(all_slots.blocks);
	replace(&grower, self, 0);
	return grown;
}

/* Take a free or abandoned slot for `self`; NULL when it is in use or another thread was quicker. */
static struct vgetrandom_slot *take(struct vgetrandom_slot *slot, uint64_t word, uint64_t self)
{
	uint64_t owner = __atomic_load_n(&slot->owner, __ATOMIC_ACQUIRE);

	if ((owner && !owner_gone(owner, word)) || !replace(&slot->owner, owner, self))
		return NULL;
	if (CLAIM(owner) < CLAIM(word))
		slot->calls = slot->bytes = 0;	/* an ancestor's: not this process's */
	if (owner) {
		/* All zeros is a state to be seeded. A slot without an owner has never been anything else. */
		volatile uint64_t *state = (volatile uint64_t *)(uintptr_t)slot->state;

		for (size_t i = 0; i < process.state_stride / sizeof(*state); i++)
			state[i] = 0;
	}
	return slot;
}

/*
 * Find a slot. The cursor goes round all of them, so that each is looked at once before any is twice. Probing live
 * owners in vain costs credit, success earns it, and when it is used up there are too few free: add a block. So a
 * claim costs some four probes in the long run, and memory stays in proportion to the threads alive at once.
 */
static struct vgetrandom_slot *search(uint64_t word, uint64_t self)
{
	for (uint64_t tries = 0;; tries++) {
		uint64_t total = total_slots();
		struct vgetrandom_slot *slot;

		if (tries >= total || __atomic_load_n(&credit, __ATOMIC_RELAXED) < 0) {
			if (!grow(total, word, self)) {
				__atomic_store_n(&credit, (int64_t)total, __ATOMIC_RELAXED);
				return NULL;
			}
			tries = 0;
			total = total_slots();
		}
		slot = take(slot_at(__atomic_fetch_add(&cursor, 1, __ATOMIC_RELAXED) & (total - 1)), word, self);
		if (slot) {
			if (__atomic_load_n(&credit, __ATOMIC_RELAXED) < (int64_t)total)
				__atomic_fetch_add(&credit, SUCCESS_CREDIT, __ATOMIC_RELAXED);
			return slot;
		}
		__atomic_fetch_sub(&credit, 1, __ATOMIC_RELAXED);
	}
}

/* Leave the next draws to the system call: a failed search must not make every one of them dearer. */
static void skip_some(void)
{
	thread.skip = FIRST_SKIP << thread.failures;
	if (thread.skip < LAST_SKIP)
		thread.failures++;
}

/* A filter may answer getpid and gettid with an error. */
static bool is_id(int id)
{
	return id > 0 && id >> VGETRANDOM_TID_BITS == 0;
}

/* Another thread may be quicker. */
bool slots_publish(void)
{
	static TOGETHER bool published;
	uint64_t number = next_claim();
	int pid = sys_getpid();

	if (!is_id(pid))
		return false;
	if (replace(&this_epoch->word, 0, number << VGETRANDOM_TID_BITS | (uint64_t)pid)) {
		all_slots.forks += published;
		published = true;
	}
	return true;
}

/* One round of the protocol; the caller looks whether the claim still holds. False: no slot for this thread now. */
static bool claim(void)
{
	for (;;) {
		/*
		 * First of all, so that a fork anywhere below makes this number older than the child's epoch,
		 * and what was done with it counts as done before the fork.
		 */
		uint64_t number = next_claim();
		uint64_t word = __atomic_load_n(&this_epoch->word, __ATOMIC_ACQUIRE);
		struct vgetrandom_slot *slot;
		int tid;

		if (!word) {
			if (!slots_publish())
				return false;
			continue;
		}
		if (CLAIM(word) > number)
			continue;
		if (sys_getpid() != ID(word))
			return false;	/* a CLONE_VM child on borrowed memory, such as vfork makes */
		tid = sys_gettid();
		if (!is_id(tid))
			return false;
		if (tid == ID(word) && thread.claimed && CLAIM(thread.claimed) < CLAIM(word)) {
			/*
			 * This thread survived the fork, for it claimed in an earlier epoch; and it is not inside a call from before the
			 * fork, for it was not busy. (A vfork child of a new thread may have published: it proves nothing.)
			 */
			__atomic_store_n(&this_epoch->settled, word, __ATOMIC_RELEASE);
		}
		slot = search(word, number << VGETRANDOM_TID_BITS | (uint64_t)tid);
		if (!slot) {
			skip_some();
			return false;
		}
		__atomic_fetch_add(&this_epoch->threads, 1, __ATOMIC_RELAXED);
		thread.state = (void *)(uintptr_t)slot->state;
		thread.slot = slot;
		thread.claimed = word;
		thread.failures = 0;
		return true;
	}
}

bool slots_claim(uint64_t epoch)
{
	if (epoch == BUSY)
		return false;	/* we interrupted a draw of this thread, which goes on when we return */
	if (thread.skip) {
		thread.skip--;
	} else if (process_ready()) {
		while (claim()) {
			/* A fork may have overtaken the claim: look again, as before every draw. */
			if (thread.claimed == epoch_word())
				return true;
		}
	}
	barrier();
	thread.epoch = epoch;
	return false;
}

bool slots_claim_later(uint64_t epoch)
{
	if (epoch == BUSY || epoch == DREW_ONCE)
		return false;
	if (!epoch_word() && report_wanted())
		slots_publish();	/* so that a vfork child's exit is not reported as this process's */
	__atomic_fetch_add(&this_epoch->first_draws, 1, __ATOMIC_RELAXED);
	barrier();
	thread.epoch = DREW_ONCE;
	return true;
}

void slots_prepare(void)
{
	if (slots_claim(slots_enter())) {
		barrier();
		thread.epoch = thread.claimed;
	}
}

bool slots_watch_forks(void)
{
	return sys_madvise(&epoch_page, sizeof(epoch_page), MADV_WIPEONFORK) == 0;
}

bool slots_init(void)
{
	if (!map_states(first_block, FIRST_BLOCK))
		return false;
	sys_name_mapping(first_states(), states_size(FIRST_BLOCK), "vgetrandom");
	all_slots.block[0] = (uintptr_t)first_block;
	credit = FIRST_BLOCK;
	__atomic_store_n(&all_slots.blocks, 1, __ATOMIC_RELEASE);
	return true;
}

void slots_undo(void)
{
	all_slots.blocks = 0;
	sys_munmap(first_states(), states_size(FIRST_BLOCK));
}

struct slots_totals slots_totals(void)
{
	struct slots_totals totals = {0};
	uint64_t word = epoch_word(), total = total_slots();

	for (uint64_t i = 0; word && i < total; i++) {
		const struct vgetrandom_slot *slot = slot_at(i);

		if (CLAIM(slot->owner) < CLAIM(word))
			continue;
		totals.calls += slot->calls;
		totals.bytes += slot->bytes;
	}
	return totals;
}

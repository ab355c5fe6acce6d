/* SPDX-License-Identifier: MIT */
/*
 * Functions of shim/core/ under Relacy, a checker for weak memory (Debian: relacy-dev). It runs every order of the
 * threads' accesses, and gives each load every value that C11 allows. orders.py writes the functions into
 * functions.inc. What must hold: no memory that is not atomic is written by one thread and read by another without an
 * order between the two.
 *
 * Arguments: a scenario, and the number of the operation whose order is weakened to relaxed; -1: none. Prints how many
 * executions were good, or what is wrong; then standard error has the accesses of that execution.
 */
#include <cstdint>
#include <iostream>

#include <relacy/relacy.hpp>

/* Memory that threads share and access atomically. A plain access in C is a relaxed one here. */
template <typename T> struct Shared {
	rl::atomic<T> value;

	operator T() { return value($).load(rl::mo_relaxed); }
	Shared &operator=(T next)
	{
		value($).store(next, rl::mo_relaxed);
		return *this;
	}
};

/* All other memory: Relacy finds accesses that are not ordered. */
template <typename T> struct Plain {
	rl::var<T> value;

	operator T() const { return value($); }
	Plain &operator=(T next)
	{
		value($) = next;
		return *this;
	}
};

static int weakened;

static rl::memory_order order(int number, rl::memory_order written)
{
	return number == weakened ? rl::mo_relaxed : written;
}

#define atomic_load_n(address, order) ((address)->value($).load(order))
#define atomic_store_n(address, next, order) ((address)->value($).store(next, order))
#define atomic_fetch_add(address, number, order) ((address)->value($).fetch_add(number, order))
#define atomic_compare_exchange_n(address, known, next, weak, order, failed) \
	((address)->value($).compare_exchange_strong(*(known), next, order, failed))
#define unlikely(condition) (condition)
#define COLD

/* What core/ declares, as far as the functions touch it. */
enum { THREADS = 3, SLOTS = 2, BUCKETS = 1, DRAW_SMALL = 65536, DRAW_LOWEST = 4096, DRAW_LAST_FLAGS = 5, ONCE = 256 };

struct slot {
	Plain<uint64_t> home, next;
};

/* Made anew for each execution. */
struct world {
	struct {
		Shared<uint32_t> used;
		Shared<uint16_t> buckets[BUCKETS];
		slot slots[SLOTS];
	} table;
	struct {
		Plain<uint64_t> entry, states, user_span;
		Plain<uint32_t> most_vector;
		Shared<uint64_t> small_limit, large;
		Plain<const void *> first;
	} settings;
	struct {
		::slot *slot;
		uint64_t claimed;
	} records[THREADS];
};

static world *here;
#define slots_table (here->table)
#define core (here->settings)
#define core_thread (here->records[rl::ctx().current_thread()])
static const uint32_t chacha_least = 256, chacha_system_call_least = 1024;
typedef int chacha_expand;
static chacha_expand vectors;

static void settle(size_t number)
{
	core_thread.slot = &slots_table.slots[number];
}

/* What each draw from the vDSO reads: the function, and where the states are. */
static long from_vdso()
{
	RL_ASSERT(core.entry && core.states && core.large && core.user_span);
	return 1;
}

static uint32_t chacha_system_call_from() { return UINT32_MAX; }
static chacha_expand *chacha_for(size_t, uint32_t) { return &vectors; }
static long bulk_draw(void *, size_t, unsigned int, chacha_expand *) { return from_vdso(); }
static long platform_getrandom(void *, size_t, unsigned int) { return 0; }
static uint64_t slots_enter() { return 0; }
static bool slots_hold(uint64_t) { return false; }
static bool slots_claim(uint64_t, bool) { return core.states; }
static bool slots_confirm(uint64_t) { return true; }
static long draw_from_kernel(void *, size_t, unsigned int) { return 0; }
long draw_unusual(void *, size_t, unsigned int);
static long draw_from_state(void *, size_t, unsigned int) { return from_vdso(); }

#include "functions.inc"

/* Two threads that take slots at once, and one that only looks: its own is not there. */
template <bool LOOK_FIRST, unsigned int NUMBER> struct lists : rl::test_suite<lists<LOOK_FIRST, NUMBER>, NUMBER>, world {
	void before()
	{
		here = this;
		slots_table.used = 0;
		slots_table.buckets[0] = 0;
		for (::slot &one : slots_table.slots)
			one.home = 0, one.next = 0;
	}

	void thread(unsigned int index)
	{
		if (index < SLOTS) {
			RL_ASSERT(!LOOK_FIRST || !find());
			RL_ASSERT(give() && core_thread.slot->home == (uintptr_t)&core_thread);
		}
		RL_ASSERT(find() == (index < SLOTS));
	}

	void after()
	{
		uint64_t first = slots_table.buckets[0];

		/* Both slots are in the list, once. */
		RL_ASSERT(first && slots_table.slots[first - 1].next == 3 - first);
		RL_ASSERT(slots_table.slots[2 - first].next == 0);
		RL_ASSERT(slots_table.slots[0].home != slots_table.slots[1].home);
	}
};

/* A thread that draws while another one, in the constructor, makes the library ready. */
template <size_t LENGTH, uint32_t VECTOR, bool SMALL = false>
struct starting : rl::test_suite<starting<LENGTH, VECTOR, SMALL>, 2>, world {
	void before()
	{
		here = this;
		core.small_limit = 0;
		core.large = 0;
		for (Plain<uint64_t> *field : { &core.entry, &core.states, &core.user_span })
			*field = 0;
		core.most_vector = 0;
	}

	void thread(unsigned int index)
	{
		if (index == 0) {
			core.entry = 1;
			core.states = 1;
			draw_start(UINT64_C(1) << 46, VECTOR);
		} else {
			(SMALL ? draw : draw_unusual)((void *)(uintptr_t)DRAW_LOWEST, LENGTH, 0);
		}
	}
};

template <typename Scenario> static int explore()
{
	rl::test_params params;

	params.search_type = rl::fair_full_search_scheduler_type;
	params.output_stream = params.progress_stream = &std::cerr;
	params.iteration_count = 2000000000;
	if (rl::simulate<Scenario>(params)) {
		std::cout << params.stop_iteration << " executions\n";
		return 0;
	}
	std::cout << rl::test_result_str(params.test_result) << "\n";
	return 1;
}

int main(int count, char **words)
{
	const std::string scenario = count == 3 ? words[1] : "";

	weakened = count == 3 ? atoi(words[2]) : -1;
	if (scenario == "two threads look, then take")
		return explore<lists<true, 2>>();
	if (scenario == "two threads take, one looks")
		return explore<lists<false, 3>>();
	if (scenario == "a small request at the start")
		return explore<starting<16, 1>>();
	if (scenario == "a large request at the start")
		return explore<starting<4096, 1>>();
	if (scenario == "a request without vectors at the start")
		return explore<starting<4096, 0>>();
	if (scenario == "a first draw at the start")
		return explore<starting<512, 0, true>>();
	std::cerr << "orders: no scenario " << scenario << "\n";
	return 2;
}

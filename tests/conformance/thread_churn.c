/* SPDX-License-Identifier: MIT */
/*
 * A million threads with lives of every length, mappings made and given back between them, in batches that end
 * together and thousands at once: every draw is whole and differs from all others, and memory stays bounded.
 *
 * The addresses of their stacks and thread-local storage wander. How many of their warm draws need a system call -
 * at first, and at the end - is a fact.
 *
 * Source: what thread-per-request servers rely on; getrandom(2)
 * Kind: quality
 */
#include "sandbox.h"
#include "warm.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>

#define LIVE	20	/* at once; and in a batch */
#define SPACES	1024	/* mappings that come and go */
#define DRAWS	3	/* of a thread; the first ones may be answered by a system call */
#define SAMPLE	64	/* one of so many threads then draws under a filter that refuses getrandom */
#define PARTS	10	/* of all threads, for the facts */

struct life {
	pthread_t thread;
	uint64_t number;
	uint32_t over;		/* it may end; a futex */
	bool begun;
};

static struct draws *draws;
static struct { uint64_t asked, refused; } samples[PARTS + 1];
static uint64_t total;

static void *space[SPACES];
static size_t space_size[SPACES];

/* Map something, or give something back. */
static void disturb(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t which = next_random(&case_seed) % SPACES;
	uint64_t size = next_random(&case_seed);

	if (space[which]) {
		munmap(space[which], space_size[which]);
		space[which] = NULL;
		return;
	}
	space_size[which] = page * (size % 64 ? 1 + size / 64 % 64 : 1 + size / 64 % 4096);
	space[which] = mmap(NULL, space_size[which], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);
	if (space[which] == MAP_FAILED)
		space[which] = NULL;
}

static void settle(void)
{
	for (size_t i = 0; i < SPACES; i++) {
		if (space[i])
			munmap(space[i], space_size[i]);
		space[i] = NULL;
	}
}

/* Whether warm draws of this thread need the system call. It may make none afterwards. */
static void sample(uint64_t number)
{
	size_t part = number < total ? number * PARTS / total : PARTS;
	unsigned char bytes[16];

	warm_thread();
	if (!refuse(SYS_getrandom, ANSWER_EPERM))
		return;
	__atomic_fetch_add(&samples[part].asked, 1, __ATOMIC_RELAXED);
	if (libc.getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		__atomic_fetch_add(&samples[part].refused, 1, __ATOMIC_RELAXED);
}

static void *live(void *of)
{
	struct life *life = of;
	unsigned char bytes[16];

	for (int i = 0; i < DRAWS; i++)
		if (draw(bytes, sizeof(bytes)))
			draws_add(draws, bytes, sizeof(bytes), life->number);
	if (life->number % SAMPLE == 0)
		sample(life->number);
	while (!__atomic_load_n(&life->over, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &life->over, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

static void begin(struct life *life, uint64_t number)
{
	static pthread_attr_t small;
	static bool ready;

	if (!ready) {
		pthread_attr_init(&small);
		pthread_attr_setstacksize(&small, 64 * 1024);
		ready = true;
	}
	*life = (struct life){ .number = number, .begun = true };
	if (!expect(!pthread_create(&life->thread, &small, live, life), "thread %llu can be created",
		    (unsigned long long)number))
		exit(1);
}

static void end(struct life *life)
{
	if (!life->begun)
		return;
	__atomic_store_n(&life->over, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &life->over, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_join(life->thread, NULL);
	life->begun = false;
}

/* Threads `from` to `to`: half of them each in the place of one at random, half in batches that end together. */
static void churn(uint64_t from, uint64_t to)
{
	static struct life lives[LIVE];
	uint64_t number;

	for (number = from; number < from + (to - from) / 2; number++) {
		struct life *life = &lives[next_random(&case_seed) % LIVE];

		end(life);
		disturb();
		begin(life, number);
	}
	while (number < to) {
		for (int i = 0; i < LIVE; i++)
			end(&lives[i]);
		for (int i = 0; i < LIVE && number < to; i++) {
			disturb();
			begin(&lives[i], number++);
		}
	}
	for (int i = 0; i < LIVE; i++)
		end(&lives[i]);
	settle();
}

static void all_at_once(uint64_t count)
{
	struct life *lives = mmap(NULL, count * sizeof(*lives), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (lives == MAP_FAILED)
		return;
	for (uint64_t i = 0; i < count; i++) {
		if (i % 4 == 0)
			disturb();
		begin(&lives[i], total + i);
	}
	for (uint64_t i = 0; i < count; i++)
		end(&lives[i]);
	munmap(lives, count * sizeof(*lives));
	settle();
}

static void tell(const char *name, size_t part)
{
	if (samples[part].asked)
		tap_line("# fact: ", "%s=%llu of %llu", name, (unsigned long long)samples[part].refused,
			 (unsigned long long)samples[part].asked);
}

int main(void)
{
	const uint64_t at_once = scaled(1000, 10000);
	struct usage before;

	total = scaled(20000, 1000000);
	case_begin("threads that come and go", scaled(60, 900));
	libc_needs(getrandom);
	needs_filters();
	draws = draws_new((total + at_once) * DRAWS);
	/* So that the record itself does not grow: */
	memset(draws->entry, 1, (total + at_once) * DRAWS * sizeof(draws->entry[0]));
	churn(0, total / PARTS);
	before = usage_now();
	churn(total / PARTS, total);
	usage_bounded(&before, "after all threads");
	all_at_once(at_once);
	tell("warm-draws-by-system-call-at-first", 0);
	tell("at-the-end", PARTS - 1);
	tell("thousands-at-once", PARTS);
	outputs_distinct(draws, "threads that come and go");
	return case_end();
}

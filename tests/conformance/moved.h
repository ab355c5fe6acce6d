/* SPDX-License-Identifier: MIT */
/*
 * A draw in whose middle its state's page is being dropped, while the thread moves to another processor and back.
 * Where Linux flushes translations in batches, the first processor may still know the page that the second sees as
 * zeros (docs/limits.md).
 *
 * Four threads, by priority (SCHED_FIFO), on processors A and B:
 *   drawer, A		draws into a buffer that is not there (userfaultfd), so that it stops where this file wants it to
 *   controller, B	main(): begins a drop and stops it half-way, then moves the drawer at its stops
 *   keeper, A		has A while the drawer is away, so that A forgets nothing; optional
 *   dropper, B		drops pages, of which the state's is one
 *
 * What makes it fail to happen: UFFDIO_ZEROPAGE (the copy at the first write flushes every processor), moving a
 * thread that does not sleep yet (the kernel thread that does it flushes), pages that are not on the LRU lists yet
 * (MADV_PAGEOUT passes over them).
 */
#ifndef CONFORM_MOVED_H
#define CONFORM_MOVED_H

#include "tap.h"
#include "chacha.h"
#include "supervise.h"
#include "warm.h"
#include "witness.h"

#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define MOVED_PAGES	64	/* dropped in one turn, which takes that long */
#define MOVED_LATER	12	/* draws of 16 bytes after the one that was moved */
#define MOVED_SLEEPS	40000	/* nanoseconds until a thread that stopped sleeps */
#define MOVED_PATIENCE	2000000000L	/* nanoseconds for one step of the play */
#define MOVED_DRAINS	64	/* more new pages than a processor keeps from the LRU lists (PAGEVEC_SIZE, 31) */

struct moved_plan {
	size_t length, before_page;	/* bytes of the draw; of them before the page boundary, where it stops again */
	bool listens;			/* it also stops, and is moved back, where it makes a getrandom system call */
	bool sibling;			/* there is a keeper */
	uint64_t attempts;
};

struct moved_result {
	uint64_t attempts;
	uint64_t half_way;		/* attempts with the drop half done, from before the draw to its end */
	uint64_t bad, poisoned;		/* draws with zeros or a known keystream; attempts after which later draws had them */
	const char *problem;		/* why it came to its end early, or NULL */
};

static struct {
	const struct moved_plan *plan;
	ssize_t (*draw)(void *bytes, size_t length);
	void (*settle)(void);		/* by the drawer, first of all: finds .state */
	char *state, *drop;		/* the state's address; MOVED_PAGES pages, one of which has it, or as many as there are */
	size_t drops;			/* pages */
	int processor[2];		/* A, B */
	int faults, listener, pagemap;
	char *buffer;
	pid_t drawer;
	uint32_t settled, go_prepare, prepared, go_drop, dropped, go_hold, holding, go_draw, drawn, go_later, later, ended;
	long took, usually;		/* nanoseconds of the last drop, and of an undisturbed one */
	unsigned char after[MOVED_LATER][16];
} moved;
static size_t moved_page;

/* ---- Small things ---- */

static inline long moved_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static inline void moved_spin(long nanoseconds)
{
	long until = moved_now() + nanoseconds;

	while (moved_now() < until)
		;
}

static inline bool moved_to(int which, pid_t thread)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(moved.processor[which], &one);
	return sched_setaffinity(thread, sizeof(one), &one) == 0;
}

static inline bool moved_priority(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	return syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param) == 0;	/* musl's function only says ENOSYS */
}

static inline uint32_t moved_read(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* Sleep until the word is no longer what was seen last; count that. False: the play is over. */
static inline bool moved_await(uint32_t *word, uint32_t *seen)
{
	while (moved_read(word) == *seen)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, *seen, NULL, NULL, 0);
	++*seen;
	return !moved_read(&moved.ended);
}

static inline void moved_post(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline bool moved_present(const void *address)
{
	uint64_t entry = 0;
	off_t at = (off_t)((uintptr_t)address / moved_page * sizeof(entry));

	return pread(moved.pagemap, &entry, sizeof(entry), at) == sizeof(entry) && entry >> 63;
}

/* Bring the pages in, all but the state's own, without a change of what they hold. */
static inline void moved_touch(void)
{
	char *own = moved.state - (uintptr_t)moved.state % moved_page;

	for (size_t i = 0; i < moved.drops; i++)
		if (moved.drop + i * moved_page != own)
			__atomic_fetch_or(moved.drop + i * moved_page, 0, __ATOMIC_RELAXED);
}

/* Whether eight bytes in a row are zeros, or of the keystream of the all-zero key. */
static inline bool moved_is_known(const unsigned char *bytes, size_t length)
{
	static unsigned char known[9 * 64];	/* eight zeros, then blocks */
	static const unsigned char key[32];

	for (uint64_t i = 0; i < 8 && !known[64]; i++)
		chacha_block(known + 8 + 64 * i, key, i);
	for (size_t i = 0; i + 8 <= length; i += 8)
		if (memmem(known, 8 + 8 * 64, bytes + i, 8))
			return true;
	return false;
}

/* ---- The other threads ---- */

static void *moved_dropper(void *unused)
{
	uint32_t seen = 0;

	moved_to(1, 0);
	moved_priority(3);
	while (moved_await(&moved.go_drop, &seen)) {
		long from = moved_now();

		madvise(moved.drop, moved.drops * moved_page, MADV_PAGEOUT);
		moved.took = moved_now() - from;
		__atomic_add_fetch(&moved.dropped, 1, __ATOMIC_SEQ_CST);
	}
	return unused;
}

static void *moved_keeper(void *unused)
{
	uint32_t seen = 0;

	moved_to(0, 0);
	moved_priority(5);
	while (moved_await(&moved.go_hold, &seen)) {
		__atomic_store_n(&moved.holding, 1, __ATOMIC_SEQ_CST);
		while (moved_read(&moved.holding) && !moved_read(&moved.ended))
			;
	}
	return unused;
}

/* The drawer's system calls stop from now on until moved_answer() lets them go. */
static inline bool moved_listen(void)
{
	moved.listener = supervise_listen();
	return moved.listener >= 0;
}

/* The state is seeded, half of its batch is there, its page is on the LRU lists, and this processor knows it. */
static void moved_prepare(void)
{
	static char *drain;
	unsigned char byte;

	if (!drain)
		drain = mmap(NULL, MOVED_DRAINS * moved_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved.draw(&byte, 1);
	moved.draw(&byte, 1);
	for (size_t i = 0; i < MOVED_DRAINS; i++)
		__atomic_store_n(drain + i * moved_page, 1, __ATOMIC_RELAXED);
	madvise(drain, MOVED_DRAINS * moved_page, MADV_DONTNEED);
	moved.draw(&byte, 1);
	moved.draw(&byte, 1);
}

static void *moved_drawer(void *unused)
{
	uint32_t prepare = 0, draw = 0, later = 0;

	moved.drawer = (pid_t)syscall(SYS_gettid);
	moved.settle();
	if (moved.plan->listens && !moved_listen())
		moved.listener = -2;
	moved_to(0, 0);
	moved_priority(20);
	moved_post(&moved.settled);
	while (moved_await(&moved.go_prepare, &prepare)) {
		moved_prepare();
		moved_post(&moved.prepared);
		if (!moved_await(&moved.go_draw, &draw))
			break;
		moved.draw(moved.buffer + moved_page - moved.plan->before_page, moved.plan->length);
		__atomic_add_fetch(&moved.drawn, 1, __ATOMIC_SEQ_CST);
		if (!moved_await(&moved.go_later, &later))
			break;
		for (int i = 0; i < MOVED_LATER; i++)
			moved.draw(moved.after[i], 16);
		moved_post(&moved.later);
	}
	return unused;
}

/* ---- The controller ---- */

/* Let a system call of the drawer's go on, if there is one, on the processor `which`; -1: where it is. */
static void moved_answer(int which)
{
	struct pollfd ready = { moved.listener, POLLIN, 0 };
	struct notice notice = { 0 };
	struct reply reply = { .flags = 1 /* SECCOMP_USER_NOTIF_FLAG_CONTINUE */ };

	if (moved.listener < 0 || poll(&ready, 1, 0) != 1 || ioctl(moved.listener, RECEIVE_NOTICE, &notice))
		return;
	if (which >= 0) {
		moved_spin(MOVED_SLEEPS);
		moved_to(which, moved.drawer);
	}
	reply.id = notice.id;
	ioctl(moved.listener, SEND_REPLY, &reply);
}

/* Wait for a word to change; meanwhile the drawer's system calls go on. False: it does not. */
static bool moved_wait(uint32_t *word, uint32_t last)
{
	long until = moved_now() + MOVED_PATIENCE;

	while (moved_read(word) == last) {
		if (moved_now() > until)
			return false;
		moved_answer(-1);
		usleep(200);	/* its own processor is the dropper's, too */
	}
	return true;
}

/* The drawer's faults: at the first it goes to B, at the next back to A. False: it does not come to its end. */
static bool moved_follow(uint32_t drawn)
{
	static char filler[65536];
	long until = moved_now() + MOVED_PATIENCE;
	struct uffd_msg fault;
	int stops = 0;

	memset(filler, 'x', sizeof(filler));
	while (moved_read(&moved.drawn) == drawn) {
		struct uffdio_copy copy = { .src = (uintptr_t)filler, .len = moved_page };

		if (moved_now() > until)
			return false;
		if (read(moved.faults, &fault, sizeof(fault)) != sizeof(fault)) {
			moved_answer(0);
			continue;
		}
		moved_spin(MOVED_SLEEPS);
		moved_to(++stops == 1, moved.drawer);
		copy.dst = fault.arg.pagefault.address / moved_page * moved_page;
		ioctl(moved.faults, UFFDIO_COPY, &copy);
	}
	return true;
}

static bool moved_attempt(struct moved_result *result)
{
	const uint32_t dropped = moved.dropped, drawn = moved.drawn, prepared = moved.prepared, later = moved.later;
	const unsigned char *bytes = (unsigned char *)moved.buffer + moved_page - moved.plan->before_page;
	struct timespec delay = { 0, (long)(next_random(&case_seed) % (uint64_t)(moved.usually + 1)) };
	bool half_way;
	int poisoned = 0;

	madvise(moved.buffer, 2 * moved_page, MADV_DONTNEED);
	moved_touch();
	if (moved.plan->sibling) {
		moved_post(&moved.go_hold);
		if (!moved_wait(&moved.holding, 0))
			return false;
	}
	moved_post(&moved.go_prepare);
	if (!moved_wait(&moved.prepared, prepared))
		return false;
	usleep(50);	/* until it sleeps */
	moved_post(&moved.go_drop);
	nanosleep(&delay, NULL);
	half_way = !moved_present(moved.state) && moved_read(&moved.dropped) == dropped;
	moved_post(&moved.go_draw);
	if (!moved_follow(drawn))
		return false;
	__atomic_store_n(&moved.holding, 0, __ATOMIC_SEQ_CST);
	result->half_way += half_way && moved_read(&moved.dropped) == dropped;
	result->bad += moved_is_known(bytes, moved.plan->length);
	if (!moved_wait(&moved.dropped, dropped))
		return false;
	moved_to(0, moved.drawer);
	moved_post(&moved.go_later);
	if (!moved_wait(&moved.later, later))
		return false;
	for (int i = 0; i < MOVED_LATER; i++)
		poisoned += moved_is_known(moved.after[i], 16);
	result->poisoned += poisoned > 0;
	return true;
}

static int moved_by_number(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* How long a drop takes: the median of some. */
static bool moved_measure(void)
{
	long all[20];

	for (int i = 0; i < 20; i++) {
		uint32_t last = moved.dropped;

		moved_touch();
		moved_post(&moved.go_drop);
		if (!moved_wait(&moved.dropped, last))
			return false;
		all[i] = moved.took;
	}
	qsort(all, 20, sizeof(all[0]), moved_by_number);
	moved.usually = all[10];
	return true;
}

/* Everybody ends who can, then the next play may begin. */
static void moved_end(pthread_t threads[3], bool sibling)
{
	__atomic_store_n(&moved.ended, 1, __ATOMIC_SEQ_CST);
	moved_post(&moved.go_drop);
	moved_post(&moved.go_hold);
	moved_post(&moved.go_prepare);
	moved_post(&moved.go_draw);
	moved_post(&moved.go_later);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	if (sibling)
		pthread_join(threads[2], NULL);
	if (moved.listener >= 0)
		close(moved.listener);
	munmap(moved.buffer, 2 * moved_page);
	close(moved.faults);
}

static bool moved_open_faults(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	moved.faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (moved.faults < 0 || ioctl(moved.faults, UFFDIO_API, &api))
		return false;
	moved.buffer = mmap(NULL, 2 * moved_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)moved.buffer;
	range.range.len = 2 * moved_page;
	return moved.buffer != MAP_FAILED && !ioctl(moved.faults, UFFDIO_REGISTER, &range);
}

/* ---- For cases ---- */

/* Skips the case where it can't be played. */
static inline void moved_begin(void)
{
	unsigned int count = 0;
	cpu_set_t allowed;

	moved_page = (size_t)sysconf(_SC_PAGESIZE);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		skip_all("no processors are told");
	for (int i = 0; i < CPU_SETSIZE && count < 2; i++)
		if (CPU_ISSET(i, &allowed))
			moved.processor[1 - count++] = i;
	if (count < 2)
		skip_all("one processor only");
	if (!moved_priority(10))
		skip_all("not allowed to have priority (SCHED_FIFO)");
	if (!moved_open_faults())
		skip_all("not allowed to stop at faults (userfaultfd): %s", strerror(errno));
	close(moved.faults);
	moved.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	moved_to(1, 0);
}

/*
 * So many attempts, by whatever moved.draw draws from. After a problem, threads may be stuck: not to be called
 * again.
 */
static inline struct moved_result moved_play(const struct moved_plan *plan)
{
	struct moved_result result = { 0 };
	pthread_t threads[3];
	pthread_attr_t plain;

	moved.plan = plan;
	moved.listener = -1;
	moved.ended = moved.settled = moved.go_prepare = moved.go_drop = moved.go_hold = moved.go_draw = moved.go_later = 0;
	if (!moved_open_faults())
		skip_all("not allowed to stop at faults (userfaultfd): %s", strerror(errno));
	pthread_attr_init(&plain);
	pthread_attr_setinheritsched(&plain, PTHREAD_EXPLICIT_SCHED);
	if (pthread_create(&threads[0], &plain, moved_drawer, NULL) ||
	    pthread_create(&threads[1], &plain, moved_dropper, NULL) ||
	    (plan->sibling && pthread_create(&threads[2], &plain, moved_keeper, NULL)))
		result.problem = "no threads can be had";
	else if (!moved_wait(&moved.settled, 0))
		result.problem = "the drawer does not begin";
	else if (moved.listener == -2)
		result.problem = "system calls can't be stopped here (seccomp's user notification, Linux 5.5)";
	else if (moved.drops && !moved_measure())
		result.problem = "a drop does not come to its end";
	for (; result.attempts < plan->attempts && moved.drops && !result.problem; result.attempts++)
		if (!moved_attempt(&result))
			result.problem = "an attempt does not come to its end";
	if (!result.problem)
		moved_end(threads, plan->sibling);
	return result;
}

/* ---- Draws by the bare vDSO ---- */

static ssize_t moved_bare_draw(void *bytes, size_t length)
{
	return witness.vdso(bytes, length, 0, moved.state, witness.params.state_size);
}

static void moved_bare_settle(void)
{
}

static inline struct moved_result moved_play_bare(const struct moved_plan *plan)
{
	moved.drops = MOVED_PAGES;
	moved.drop = mmap(NULL, MOVED_PAGES * moved_page, (int)witness.params.mmap_prot, (int)witness.params.mmap_flags,
			  -1, 0);
	if (moved.drop == MAP_FAILED)
		skip_all("this kernel has no droppable memory");
	moved.state = moved.drop;
	moved.draw = moved_bare_draw;
	moved.settle = moved_bare_settle;
	return moved_play(plan);
}

/* ---- Draws by this libc ---- */

static bool moved_droppable;	/* the libc's state is in memory that can be dropped */

static ssize_t moved_libc_draw(void *bytes, size_t length)
{
	return libc.getrandom(bytes, length, 0);
}

/* The mapping of this process that has the address, or an empty one. */
static struct mapping moved_mapping(const char *address)
{
	static struct mapping all[1024];
	unsigned int count = mappings_find("self", NULL, all, sizeof(all) / sizeof(all[0]));

	for (unsigned int i = 0; i < count; i++)
		if (all[i].start <= (uintptr_t)address && (uintptr_t)address < all[i].end)
			return all[i];
	return (struct mapping){ 0 };
}

/*
 * Before the first draw. The kernel makes neighbours of a kind one mapping, and takes the highest gap that is large
 * enough: fill those above a mapping of ours, and the one that the libc is to make lies below it.
 */
static void moved_arrange(void)
{
	const size_t size = MOVED_PAGES * moved_page;
	char *own = mmap(NULL, size, (int)witness.params.mmap_prot, (int)witness.params.mmap_flags, -1, 0), *filler;

	for (size_t pages = MOVED_PAGES; own != MAP_FAILED && pages; pages /= 2) {
		do
			filler = mmap(NULL, pages * moved_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		while (filler != MAP_FAILED && filler > own);
		if (filler != MAP_FAILED)
			munmap(filler, pages * moved_page);
	}
	warm_droppable();
}

/* Where the calling thread's state is, and the pages around it that are dropped in one turn with it. */
static void moved_libc_settle(void)
{
	const int flags = (int)witness.params.mmap_flags | MAP_FIXED_NOREPLACE;
	const size_t want = MOVED_PAGES * moved_page;
	struct mapping mapping;
	uintptr_t own, from, to;

	moved.drops = 0;
	if (witness_begin())
		return;
	warm_thread();
	moved.state = (char *)witness_state();
	if (!witness_end() || !moved.state)
		return;
	mapping = moved_mapping(moved.state);
	moved_droppable = mapping_has(&mapping, "dp");
	for (size_t more = want; moved_droppable && mapping.end - mapping.start < want && more >= moved_page; more /= 2) {
		if (mmap((void *)mapping.end, more, (int)witness.params.mmap_prot, flags, -1, 0) == MAP_FAILED)
			mmap((void *)(mapping.start - more), more, (int)witness.params.mmap_prot, flags, -1, 0);
		mapping = moved_mapping(moved.state);
	}
	own = (uintptr_t)moved.state / moved_page * moved_page;
	to = mapping.end - own > want ? own + want : mapping.end;
	from = to - mapping.start > want ? to - want : mapping.start;
	moved.drop = (char *)from;
	moved.drops = (to - from) / moved_page;
}

static inline struct moved_result moved_play_libc(const struct moved_plan *plan)
{
	moved.draw = moved_libc_draw;
	moved.settle = moved_libc_settle;
	return moved_play(plan);
}

/* The beginning of a case, before its first draw; skips it where it can't be played. */
static inline void moved_case(const char *promise, unsigned int seconds)
{
	const char *why;

	case_begin(promise, seconds);
	libc_needs(getrandom);
	why = witness_ask();
	if (why)
		skip_all("%s", why);
	moved_begin();
	moved_arrange();
}

#endif

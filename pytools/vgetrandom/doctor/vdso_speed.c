/* SPDX-License-Identifier: MIT */
/*
 * For `vgetrandom doctor` and `observe`: asks the kernel's vDSO getrandom for its parameters, maps a state as it wants it, and
 * times one draw by the vDSO, by the system call and by this libc, and a system call that does next to nothing (getppid).
 * Knows nothing of the library.
 *
 * A shared object without a libc of its own: the Python interpreter that opens it has this host's, whichever that is, and
 * the library in front of it where that is preloaded. One file does for every glibc and musl.
 */
#undef _FILE_OFFSET_BITS	/* with it glibc says mmap64, which musl has not */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST	65536	/* bytes a draw */
#define ROUNDS	31
#define CALLS	2000	/* draws a round, at most */
#define BYTES	524288	/* bytes a round, at most */

typedef long vdso_getrandom(void *, size_t, unsigned int, void *, size_t);

/* include/vdso/getrandom.h and uapi/linux/random.h of Linux 6.11 */
struct parameters {
	uint32_t size_of_opaque_state, mmap_prot, mmap_flags, reserved[13];
};

static vdso_getrandom *entry;
static struct parameters parameters;
static void *state;
static size_t length = 16;
static int calls = CALLS;

static bool draw_vdso(void *to)
{
	return entry(to, length, 0, state, parameters.size_of_opaque_state) == (long)length;
}

static bool draw_syscall(void *to)
{
	return syscall(SYS_getrandom, to, length, 0) == (long)length;
}

static bool draw_libc(void *to)
{
	return getrandom(to, length, 0) == (ssize_t)length;
}

static bool call_other(void *to)
{
	(void)to;
	return syscall(SYS_getppid) >= 0;
}

static struct contestant {
	bool (*draw)(void *to);
	bool takes_part;
	double times[ROUNDS];	/* nanoseconds a draw */
} contestants[] = {
	{ draw_vdso, false, { 0 } },
	{ draw_syscall, true, { 0 } },
	{ draw_libc, true, { 0 } },
	{ call_other, true, { 0 } },
};

#define CONTESTANTS (sizeof(contestants) / sizeof(contestants[0]))

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void measure(struct contestant *one, int round)
{
	static char bytes[MOST];
	double start = nanoseconds();

	for (int call = 0; call < calls && one->takes_part; call++)
		one->takes_part = one->draw(bytes);
	one->times[round] = (nanoseconds() - start) / calls;
}

/* The fastest round: what else the machine does only ever adds time. Negative: not to be had. */
static double best_of(const struct contestant *one)
{
	double best = one->times[0];

	for (int round = 1; round < ROUNDS; round++)
		if (one->times[round] < best)
			best = one->times[round];
	return one->takes_part ? best : -1;
}

/* Returns whether there is a state to draw with. */
static bool prepare(unsigned long offset)
{
	unsigned long image = getauxval(AT_SYSINFO_EHDR);
	long page = sysconf(_SC_PAGESIZE);

	if (!offset || !image)
		return false;
	entry = (vdso_getrandom *)(image + offset);
	if (entry(NULL, 0, 0, &parameters, ~0UL) || !parameters.size_of_opaque_state ||
	    parameters.size_of_opaque_state > (unsigned long)page) {
		parameters.size_of_opaque_state = 0;
		return false;
	}
	state = mmap(NULL, page, (int)parameters.mmap_prot, (int)parameters.mmap_flags, -1, 0);
	if (state == MAP_FAILED)
		state = NULL;
	return state != NULL;
}

/*
 * `offset` is the function's in the vDSO image, or 0 for none; `bytes` a draw, 1 to 65536. Writes what the kernel asks of a
 * state (size, prot, flags; zeros where it does not tell) and whether one was mapped, and nanoseconds a call by the
 * vDSO, the system call, this libc and getppid. Returns 0, or 2 for a length that can't be.
 */
__attribute__((visibility("default")))
int vdso_speed(unsigned long offset, size_t bytes, uint32_t asked[4], double nanoseconds_each[4])
{
	if (bytes < 1 || bytes > MOST)
		return 2;
	length = bytes;
	if (BYTES / length < CALLS)
		calls = (int)(BYTES / length);
	contestants[0].takes_part = prepare(offset);
	for (int round = 0; round < ROUNDS; round++)	/* in turn: noise strikes all alike */
		for (size_t i = 0; i < CONTESTANTS; i++)
			measure(&contestants[i], round);
	asked[0] = parameters.size_of_opaque_state;
	asked[1] = parameters.mmap_prot;
	asked[2] = parameters.mmap_flags;
	asked[3] = state != NULL;
	for (size_t i = 0; i < CONTESTANTS; i++)
		nanoseconds_each[i] = best_of(&contestants[i]);
	return 0;
}

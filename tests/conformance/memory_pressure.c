/* SPDX-License-Identifier: MIT */
/*
 * In a memory cgroup that is full, where the kernel reclaims all the time, draws neither fail nor repeat.
 *
 * Source: mmap(2), MAP_DROPPABLE; cgroups(7), memory controller
 * Kind: promise
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"

#include <pthread.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LIMIT	(32 << 20)
#define THREADS	4

static struct draws *draws;
static uint64_t each, turns;
static uint32_t round_now, rounds_done;

static bool put(const char *folder, const char *file, const char *text)
{
	char path[512];
	int to;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	to = open(path, O_WRONLY | O_CLOEXEC);
	good = to >= 0 && write(to, text, strlen(text)) == (ssize_t)strlen(text);
	if (to >= 0)
		close(to);
	return good;
}

/* Enter a new cgroup with a limit, of version 1 or 2; its folder, for removal. */
static bool enter(char folder[256])
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };
	char limit[32];
	int i;

	snprintf(limit, sizeof(limit), "%d", LIMIT);
	for (i = 0; i < 2; i++) {
		snprintf(folder, 256, "%s/conform-%d", roots[i], getpid());
		if (mkdir(folder, 0755))
			continue;
		if ((put(folder, "memory.limit_in_bytes", limit) || put(folder, "memory.max", limit)) &&
		    put(folder, "cgroup.procs", "0"))
			return true;
		rmdir(folder);
	}
	return false;
}

/* Draw when told to: in between, nobody touches the states, and the kernel may find them old. */
static void *body(void *who)
{
	unsigned char bytes[32];
	unsigned int seen = 0, now;
	uint64_t i;

	while ((now = __atomic_load_n(&round_now, __ATOMIC_ACQUIRE)) != UINT32_MAX) {
		if (now == seen) {
			usleep(200);
			continue;
		}
		seen = now;
		for (i = 0; i < each; i++) {
			draw(bytes, sizeof(bytes));
			draws_add(draws, bytes, sizeof(bytes), (uintptr_t)who);
		}
		__atomic_fetch_add(&rounds_done, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/*
 * Page cache beyond the limit makes the kernel reclaim, and kills nobody. A file in memory is no cache and can't
 * be written back: then the kernel is asked to reclaim (memory.reclaim, Linux 5.19).
 */
static void press(int file, const char *folder)
{
	static char piece[1 << 20];
	struct statfs where;
	int i;

	if (fstatfs(file, &where) || where.f_type == TMPFS_MAGIC) {
		put(folder, "memory.reclaim", "32M");	/* EAGAIN: there was not so much */
		return;
	}
	/* On a busy disk, pages that wait for it can't be reclaimed, and the kernel would kill: there are few at any time. */
	for (i = 0; i < 2 * (LIMIT >> 20); i++) {
		if (pwrite(file, piece, sizeof(piece), (off_t)i << 20) < 0)
			return;
		if (i % 4 == 3)
			sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					SYNC_FILE_RANGE_WAIT_AFTER);
	}
	for (i = 0; i < 2 * (LIMIT >> 20); i++)
		if (pread(file, piece, sizeof(piece), (off_t)i << 20) < 0)
			return;
}

static int inside(const char *folder)
{
	int file = open("pressure", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unsigned int i, count = 0, turn, dropped = 0;
	struct mapping found[16];
	pthread_t threads[THREADS];

	unlink("pressure");
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)(i + 1));
	for (turn = 1; turn <= turns; turn++) {
		__atomic_store_n(&round_now, turn, __ATOMIC_RELEASE);
		press(file, folder);
		while (__atomic_load_n(&rounds_done, __ATOMIC_SEQ_CST) < turn * THREADS)
			usleep(100);
		if (turn == 1)
			count = mappings_find("self", "dp", found, 16);
		press(file, folder);
		for (i = 0; i < count; i++)
			dropped += mapping_present(&found[i]) == 0;
	}
	__atomic_store_n(&round_now, UINT32_MAX, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fact("droppable-mappings", "%u", count);
	fact("seen-empty", "%u", dropped);
	return 0;
}

/* Whether the kernel killed somebody there for want of memory. */
static bool killed_for_memory(const char *folder)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/memory.oom_control", folder);	/* version 1 */
	if (access(path, F_OK))
		snprintf(path, sizeof(path), "%s/memory.events", folder);
	return proc_number(path, "oom_kill ") > 0;
}

int main(void)
{
	char folder[256];
	siginfo_t ended = { 0 };
	int ready[2];
	pid_t child;
	char word = 0;
	bool killed;

	case_begin("draws in a full memory cgroup", full_profile() ? 180 : 60);
	libc_needs(getrandom);
	each = 2000;
	turns = scaled(10, 200);
	draws = draws_new(turns * each * THREADS * 2);
	memset(draws->entry, 1, (turns * each * THREADS * 2) * sizeof(draws->entry[0]));	/* charged to us, not to the cgroup */
	if (pipe(ready))
		skip_all("no pipe");
	child = fork();
	if (!child) {
		bool entered = enter(folder);

		if (write(ready[1], entered ? "y" : "n", 1) != 1 || !entered)
			_exit(0);
		_exit(inside(folder));
	}
	if (read(ready[0], &word, 1) != 1 || word != 'y') {
		waitpid(child, NULL, 0);
		skip_all("no memory cgroup can be made here (not root, or no memory controller)");
	}
	snprintf(folder, sizeof(folder), "/sys/fs/cgroup/memory/conform-%d", child);
	if (access(folder, F_OK))
		snprintf(folder, sizeof(folder), "/sys/fs/cgroup/conform-%d", child);
	/* Not reaped yet, so that it can still be waited for. */
	waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT);
	killed = ended.si_code == CLD_KILLED && killed_for_memory(folder);
	if (!killed)
		wait_ok(child, "the process in the cgroup");
	else
		waitpid(child, NULL, 0);
	rmdir(folder);
	if (killed)
		skip_all("the kernel killed the process in the cgroup: it had nothing to reclaim in time");
	outputs_distinct(draws, "under memory pressure");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * The core dump of a process that has drawn holds nothing of the generator's state: who reads the dump can compute
 * nothing that was drawn before or after it.
 *
 * Source: mmap(2), MAP_DROPPABLE implies MADV_DONTDUMP; core(5)
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"
#include "warm.h"

#include <glob.h>
#include <pthread.h>
#include <sys/resource.h>

#define MAX_SECRETS	4096
#define THREADS		4

static unsigned char secrets[MAX_SECRETS][16];
static unsigned int secret_count;
static unsigned int drawn;	/* threads that have a state with output in it */

static void *body(void *unused)
{
	warm_thread();
	__atomic_add_fetch(&drawn, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
	return unused;
}

static void victim(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	pthread_t thread;
	int i;

	getrlimit(RLIMIT_CORE, &all);
	all.rlim_cur = all.rlim_max;
	setrlimit(RLIMIT_CORE, &all);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, body, NULL);
	while (__atomic_load_n(&drawn, __ATOMIC_ACQUIRE) < THREADS)
		usleep(1000);
	raise(SIGSTOP);
	abort();
}

/* Whatever in 16 droppable bytes is random enough to be part of a key or of output: no zero byte among them. */
static void take_secrets(pid_t from)
{
	struct mapping found[16];
	char name[32], path[64];
	unsigned char piece[16];
	unsigned int count, i;
	uintptr_t at;
	int memory;

	snprintf(name, sizeof(name), "%d", from);
	snprintf(path, sizeof(path), "/proc/%d/mem", from);
	count = mappings_find(name, "dp", found, 16);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	for (i = 0; i < count; i++)
		for (at = found[i].start; at < found[i].end && secret_count < MAX_SECRETS; at += 16)
			if (pread(memory, piece, 16, at) == 16 && !memchr(piece, 0, 16))
				memcpy(secrets[secret_count++], piece, 16);
	close(memory);
}

/* How many of the secrets are anywhere in the file. */
static unsigned int look_for_secrets(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = lseek(file, 0, SEEK_END);
	unsigned char *core = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
	unsigned int i, found = 0;

	if (core == MAP_FAILED)
		return 0;
	for (i = 0; i < secret_count; i++)
		found += memmem(core, size, secrets[i], 16) != NULL;
	note("core dump of %lld bytes", (long long)size);
	munmap(core, size);
	close(file);
	return found;
}

int main(void)
{
	glob_t cores;
	pid_t child;
	int status;

	case_begin("a core dump holds no state", 60);
	libc_needs(getrandom);
	child = fork();
	if (!child)
		victim();
	waitpid(child, &status, WUNTRACED);
	take_secrets(child);
	kill(child, SIGCONT);
	waitpid(child, &status, 0);
	if (!secret_count)
		skip_all("this process has no droppable memory with random bytes in it after %d draws of each thread", WARM_DRAWS);
	if (!WCOREDUMP(status) || glob("*core*", 0, NULL, &cores))
		skip_all("this host writes no core dump into the current folder");
	fact("secrets-looked-for", "%u", secret_count);
	check(look_for_secrets(cores.gl_pathv[0]) == 0, "none of %u pieces of state is in the dump", secret_count);
	unlink(cores.gl_pathv[0]);
	return case_end();
}

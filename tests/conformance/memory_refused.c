/* SPDX-License-Identifier: MIT */
/*
 * Where memory of the kind that states need is refused - before anything is loaded, or before the first draw, with an
 * errno that mmap(2) names or one that it does not - every draw succeeds: in the main thread, in new threads, in a
 * forked child.
 *
 * Source: getrandom(2), ERRORS: nothing there comes from mmap; EAGAIN under MCL_FUTURE, EINVAL of older kernels, 524
 *	(ENOTSUPP of include/linux/errno.h) and others of a supervisor or a security module
 * Kind: quality
 */
#include "sandbox.h"

#include <pthread.h>

#define THREADS		8
#define LAST_ERRNO	4095	/* MAX_ERRNO of include/linux/err.h */
#define DROPPABLE	8	/* MAP_DROPPABLE of linux/mman.h; the type of a mapping is in the low four bits */
#define AND		0x54	/* BPF_ALU | BPF_AND | BPF_K */

static const int errnos[] = { EPERM, EAGAIN, ENOMEM, EINVAL, ENOSYS, EOPNOTSUPP, 524, LAST_ERRNO };

static struct draws *draws;

/* From now on. */
static bool refuse_droppable(int error)
{
	struct bpf_step steps[] = {
		{ LOAD_WORD, 0, 0, AT_NUMBER },
		{ JUMP_IF_EQUAL, 0, 4, SYS_mmap },
		{ LOAD_WORD, 0, 0, AT_FOURTH_ARGUMENT },
		{ AND, 0, 0, 15 },
		{ JUMP_IF_EQUAL, 0, 1, DROPPABLE },
		{ RETURN, 0, 0, DO_ERRNO | (uint32_t)error },
		{ RETURN, 0, 0, DO_ALLOW },
	};
	struct bpf_program filter = { sizeof(steps) / sizeof(steps[0]), steps };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, MODE_FILTER, &filter, 0, 0);
}

/* Asked of the kernel: musl's mmap turns one errno into another. */
static bool is_refused(int error)
{
	return syscall(SYS_mmap, NULL, 4096L, (long)(PROT_READ | PROT_WRITE), (long)(DROPPABLE | MAP_ANONYMOUS), -1L, 0L) == -1 &&
	       errno == error;
}

static void *thread_draws(void *who)
{
	return sandbox_draws(draws, (uintptr_t)who) ? who : NULL;
}

static bool all_draw(void)
{
	pthread_t threads[THREADS];
	bool good = sandbox_draws(draws, 1);
	int status = -1;
	pid_t child;

	for (uintptr_t i = 0; i < THREADS; i++)
		good &= !pthread_create(&threads[i], NULL, thread_draws, (void *)(i + 2));
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;

		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	child = fork();
	if (!child)
		_exit(sandbox_draws(draws, 1000) ? 0 : 1);
	return waitpid(child, &status, 0) == child && status == 0 && good;
}

/* `case STAGE ERRNO`: "late" confines itself, "early" was executed under the filter. */
static int stage(char *argv[])
{
	int error = atoi(argv[2]);

	libc_find();
	draws = life_draws();
	if (!draws || (argv[1][0] == 'l' && !refuse_droppable(error)) || !is_refused(error))
		return 77;
	return all_draw() ? 0 : 1;
}

static void refused(const char *when, int error)
{
	char number[16];
	char *const argv[] = { program_invocation_name, (char *)when, number, NULL };
	int status = -1;
	pid_t child;

	snprintf(number, sizeof(number), "%d", error);
	child = fork();
	if (!child) {
		if (when[0] == 'e' && !refuse_droppable(error))
			_exit(77);
		case_execv(program_invocation_name, argv);
		_exit(127);
	}
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	check(status == 0, "droppable memory refused %s with errno %d: wait status %#x",
	      when[0] == 'e' ? "at load" : "before the first draw", error, status);
}

int main(int argc, char *argv[])
{
	if (argc == 3)
		return stage(argv);
	case_begin("draws where droppable memory is refused", 60);
	libc_needs(getrandom);
	needs_filters();
#ifdef __s390x__
	skip_all("mmap's flags are in memory, where a filter can't see them");
#endif
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
		refused("early", errnos[i]);
		refused("late", errnos[i]);
	}
	outputs_distinct(draws, "without droppable memory");
	return case_end();
}

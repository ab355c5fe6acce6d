/* SPDX-License-Identifier: MIT */
/*
 * A seccomp filter that refuses one system call, and the calls that implementations of getrandom are known, or could
 * be expected, to make beside getrandom itself.
 */
#ifndef CONFORM_SANDBOX_H
#define CONFORM_SANDBOX_H

#include "life.h"
#include "libc.h"

#include <sys/prctl.h>

/* As in linux/filter.h, linux/bpf_common.h and linux/seccomp.h, which musl's compiler wrapper does not find. */
struct bpf_step {
	uint16_t code;
	uint8_t if_true, if_false;
	uint32_t operand;
};

struct bpf_program {
	unsigned short length;
	struct bpf_step *step;
};

#define LOAD_WORD		0x20	/* BPF_LD | BPF_W | BPF_ABS */
#define JUMP_IF_EQUAL		0x15	/* BPF_JMP | BPF_JEQ | BPF_K */
#define RETURN			0x06	/* BPF_RET | BPF_K */
#define AT_NUMBER		0	/* offsetof(struct seccomp_data, nr) */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AT_FOURTH_ARGUMENT	40	/* offsetof(struct seccomp_data, args[3]), the low half */
#else
#define AT_FOURTH_ARGUMENT	44
#endif
#define MODE_STRICT		1
#define MODE_FILTER		2
#define DO_ALLOW		0x7fff0000u
#define DO_ERRNO		0x00050000u
#define DO_KILL_PROCESS		0x80000000u

struct refusable {
	const char *name;
	int number;
};

static const struct refusable refusable[] = {
	{ "mmap", SYS_mmap },
	{ "munmap", SYS_munmap },
	{ "mremap", SYS_mremap },
	{ "mprotect", SYS_mprotect },
	{ "madvise", SYS_madvise },
	{ "brk", SYS_brk },
	{ "rt_sigprocmask", SYS_rt_sigprocmask },
	{ "rt_sigaction", SYS_rt_sigaction },
	{ "futex", SYS_futex },
	{ "gettid", SYS_gettid },
	{ "getpid", SYS_getpid },
	{ "getppid", SYS_getppid },
	{ "getuid", SYS_getuid },
	{ "tgkill", SYS_tgkill },
	{ "prctl", SYS_prctl },
	{ "sched_getaffinity", SYS_sched_getaffinity },
	{ "getcpu", SYS_getcpu },
	{ "openat", SYS_openat },
	{ "read", SYS_read },
	{ "close", SYS_close },
	{ "fcntl", SYS_fcntl },
	{ "ppoll", SYS_ppoll },
	{ "clock_gettime", SYS_clock_gettime },
	{ "membarrier", SYS_membarrier },
	{ "sysinfo", SYS_sysinfo },
	{ "uname", SYS_uname },
};
#define REFUSABLE	(sizeof(refusable) / sizeof(refusable[0]))

enum action { KILL, ANSWER_EPERM, ANSWER_ENOSYS, ACTIONS };
static const char *const action_names[ACTIONS] = { "kill", "EPERM", "ENOSYS" };

/* From now on this process and its children are refused one system call; all else is allowed. */
static inline bool refuse(int number, enum action action)
{
	const uint32_t answer = action == KILL ? DO_KILL_PROCESS : DO_ERRNO | (action == ANSWER_EPERM ? EPERM : ENOSYS);
	struct bpf_step steps[] = {
		{ LOAD_WORD, 0, 0, AT_NUMBER },
		{ JUMP_IF_EQUAL, 0, 1, (uint32_t)number },
		{ RETURN, 0, 0, answer },
		{ RETURN, 0, 0, DO_ALLOW },
	};
	struct bpf_program filter = { sizeof(steps) / sizeof(steps[0]), steps };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, MODE_FILTER, &filter, 0, 0);
}

/* Tried in a child: the case is skipped where no filter can be installed. */
static inline void needs_filters(void)
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		if (!refuse(SYS_getppid, ANSWER_EPERM))
			_exit(errno);
		_exit(syscall(SYS_getppid) == -1 && errno == EPERM ? 0 : 255);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		skip_all("no seccomp filter can be installed here: errno %d, wait status %#x", errno, status);
}

/* Some draws by every function there is; false when one fails. Makes no system call of its own. */
static inline bool sandbox_draws(struct draws *draws, uint64_t who)
{
	unsigned char bytes[32];
	bool good = true;
	int i;

	for (i = 0; i < 64; i++) {
		good &= libc.getrandom(bytes, 32, 0) == 32;
		draws_add(draws, bytes, 32, who);
		if (libc.getentropy) {
			good &= libc.getentropy(bytes, 32) == 0;
			draws_add(draws, bytes, 32, who);
		}
		if (libc.arc4random_buf) {
			libc.arc4random_buf(bytes, 32);
			draws_add(draws, bytes, 32, who);
		}
	}
	return good;
}

/*
 * Run this program again as `case STAGE CALL ACTION`, a fresh process, for one call and action; the wait status.
 * The stage is main's business.
 */
static inline int sandbox_stage(const char *stage, unsigned int call, enum action action)
{
	char which[16], how[16];
	char *const argv[] = { program_invocation_name, (char *)stage, which, how, NULL };
	int status = -1;
	pid_t child;

	snprintf(which, sizeof(which), "%u", call);
	snprintf(how, sizeof(how), "%u", (unsigned int)action);
	child = fork();
	if (!child) {
		case_execv(program_invocation_name, argv);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return status;
}

/*
 * The whole of a case: every call that is refusable is refused in every way, each time to a fresh program, which has
 * drawn before or not. Returns main's status.
 */
static inline int sandbox_case(int argc, char *argv[], const char *promise, bool drawn)
{
	struct draws *draws;
	unsigned int call, action;
	int status;

	libc_find();
	if (argc == 4) {
		draws = life_draws();
		if ((drawn && !sandbox_draws(draws, 1000)) || !refuse(refusable[atoi(argv[2])].number, atoi(argv[3])))
			_exit(77);
		_exit(sandbox_draws(draws, atoi(argv[2])) ? 0 : 1);
	}
	case_begin(promise, 60);
	libc_needs(getrandom);
	needs_filters();
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (action = 0; action < ACTIONS; action++) {
		for (call = 0; call < REFUSABLE; call++) {
			status = sandbox_stage("locked-in", call, action);
			expect(status == 0, "%s answered by %s: wait status %#x", refusable[call].name, action_names[action], status);
		}
	}
	check(!tap->failures, "%zu system calls refused in %d ways", REFUSABLE, ACTIONS);
	outputs_distinct(draws, "in sandboxes");
	return case_end();
}

#endif

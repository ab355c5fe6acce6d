/* SPDX-License-Identifier: MIT */
/*
 * Programs that confine themselves: scenes, each played twice by a fresh process. First it is traced and draws
 * nothing, so that it is known which system calls the program makes by itself. Then it plays under a filter that
 * kills for every other, getrandom excepted; mmap is looked at more closely, as browsers' sandboxes do.
 */
#ifndef CONFORM_CONFINED_H
#define CONFORM_CONFINED_H

#include "sandbox.h"
#include "calls.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>

#define JUMP_IF_SET		0x45	/* BPF_JMP | BPF_JSET | BPF_K */
#define FILTER_OF_ALL_THREADS	1	/* SECCOMP_FILTER_FLAG_TSYNC */
#define CONFINED_CALLS		1024	/* system calls have numbers below */
#define BEFORE_LOAD		(-1)	/* a moment; the others: after so many draws */

#ifndef MAP_DENYWRITE
#define MAP_DENYWRITE 0x0800
#endif

/* What allocators and thread libraries ask of mmap. */
static const uint32_t allocators_flags =
	MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE | MAP_FIXED | MAP_DENYWRITE;

struct allowance {
	bool call[CONFINED_CALLS];
	bool any_mmap;		/* with whatever flags */
};

/* What differs from run to run of one program, and getrandom. */
static const int always_allowed[] = {
	SYS_getrandom, SYS_futex, SYS_munmap, SYS_exit, SYS_exit_group, SYS_restart_syscall,
};

/* What dynamic loaders call. Not, for one: madvise, prctl, gettid. */
static const int loaders_call[] = {
	SYS_execve, SYS_brk, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_openat, SYS_read, SYS_pread64, SYS_close, SYS_fcntl,
	SYS_statx, SYS_faccessat, SYS_readlinkat, SYS_getcwd, SYS_uname, SYS_write, SYS_writev,
	SYS_lseek, SYS_prlimit64, SYS_set_tid_address, SYS_set_robust_list, SYS_rseq,
#ifdef SYS_fstat
	SYS_fstat,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
#ifdef SYS_open
	SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink,
#endif
#ifdef SYS_arch_prctl
	SYS_arch_prctl,
#endif
};

/* And, before 2.34, glibc's libpthread, when it is loaded: it sets up the signals that it keeps for itself. */
static const int old_libpthread_calls[] = { SYS_rt_sigaction, SYS_rt_sigprocmask };

static inline bool has_old_libpthread(void)
{
	const char *(*version)(void) = (const char *(*)(void))libc_symbol("gnu_get_libc_version");

	return version && !strncmp(version(), "2.", 2) && atoi(version() + 2) < 34;
}

static inline void allow(struct allowance *allowance, const int *calls, size_t count)
{
	while (count--)
		allowance->call[calls[count]] = true;
}

/* Whether mmap's flags are looked at. On s390x they are in memory, where a filter can't see them (old_mmap). */
static inline bool looks_at_flags(const struct allowance *allowance)
{
#ifdef __s390x__
	(void)allowance;
	return false;
#else
	return allowance->call[SYS_mmap] && !allowance->any_mmap;
#endif
}

static inline bool allowed(const struct allowance *allowance, const struct call *call)
{
	return call->number >= 0 && call->number < CONFINED_CALLS && allowance->call[call->number] &&
	       (call->number != SYS_mmap || !looks_at_flags(allowance) || !(call->arguments[3] & ~allocators_flags));
}

/* From now on all threads of this process, and its children, are answered like that for whatever is not allowed. */
static inline bool confine_to(const struct allowance *allowance, uint32_t answer)
{
	static struct bpf_step steps[2 * CONFINED_CALLS + 8];
	struct bpf_program filter = { 0, steps };
	bool look = looks_at_flags(allowance);

	steps[filter.length++] = (struct bpf_step){ LOAD_WORD, 0, 0, AT_NUMBER };
	for (uint32_t number = 0; number < CONFINED_CALLS; number++) {
		if (!allowance->call[number] || (look && number == SYS_mmap))
			continue;
		steps[filter.length++] = (struct bpf_step){ JUMP_IF_EQUAL, 0, 1, number };
		steps[filter.length++] = (struct bpf_step){ RETURN, 0, 0, DO_ALLOW };
	}
	if (look) {
		steps[filter.length++] = (struct bpf_step){ JUMP_IF_EQUAL, 0, 3, SYS_mmap };
		steps[filter.length++] = (struct bpf_step){ LOAD_WORD, 0, 0, AT_FOURTH_ARGUMENT };
		steps[filter.length++] = (struct bpf_step){ JUMP_IF_SET, 1, 0, ~allocators_flags };
		steps[filter.length++] = (struct bpf_step){ RETURN, 0, 0, DO_ALLOW };
	}
	steps[filter.length++] = (struct bpf_step){ RETURN, 0, 0, answer };
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, FILTER_OF_ALL_THREADS, &filter);
}

/* ---- What a scene is made of ---- */

struct scene {
	const char *name;
	void (*play)(const struct scene *scene);
	int threads;
	int before;		/* draws of the parent, for scenes with a forked child */
};

static struct {			/* of this process, while it plays */
	bool drawing;		/* not while its calls are learned */
	int moment;
	uint32_t answer;	/* of the filter */
	struct allowance allowance;
	struct draws *draws;
} scene_now;

/* Each gives whole draws, or the process ends. Makes no system call of its own. */
static inline void scene_draw(int times)
{
	unsigned char bytes[16];

	while (scene_now.drawing && times-- > 0) {
		if (libc.getrandom(bytes, 16, 0) != 16)
			_exit(10);
		draws_add(scene_now.draws, bytes, 16, (uint64_t)(scene_now.moment + 1));
	}
}

/* The draws that matter: first, second and later ones, by every function. */
static inline void scene_draw_all(void)
{
	unsigned char bytes[2048];

	scene_draw(4);
	if (!scene_now.drawing)
		return;
	if (libc.getentropy) {
		if (libc.getentropy(bytes, 32))
			_exit(11);
		draws_add(scene_now.draws, bytes, 32, 101);
	}
	if (libc.arc4random_buf) {
		libc.arc4random_buf(bytes, 32);
		draws_add(scene_now.draws, bytes, 32, 102);
	}
	if (libc.getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		_exit(12);
	draws_add(scene_now.draws, bytes, 32, 103);
	scene_draw(2);
}

/* The draws before the filter, if it comes after some. */
static inline void scene_draw_before(void)
{
	scene_draw(scene_now.moment > 0 ? scene_now.moment : 0);
}

/* The moment. */
static inline void scene_confine(void)
{
	if (scene_now.moment == BEFORE_LOAD)
		return;
	if (!scene_now.drawing)
		calls_mark(0);
	else if (!confine_to(&scene_now.allowance, scene_now.answer))
		_exit(77);
}

/* Where so many threads wait for each other: futex is the only system call. */
struct gate {
	uint32_t arrived, open;
};

static inline void gate_pass(struct gate *gate, uint32_t all)
{
	if (__atomic_add_fetch(&gate->arrived, 1, __ATOMIC_SEQ_CST) == all) {
		__atomic_store_n(&gate->open, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &gate->open, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	}
	while (!__atomic_load_n(&gate->open, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &gate->open, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

/* Threads that begin before the filter does or after it, and are all alive at once. */
struct crowd {
	uint32_t all;		/* and who started them */
	bool old;
	struct gate drawn, confined, ended;
};

static void *crowd_member(void *of)
{
	struct crowd *crowd = of;

	if (crowd->old) {
		scene_draw_before();
		gate_pass(&crowd->drawn, crowd->all);
		gate_pass(&crowd->confined, crowd->all);
	}
	scene_draw_all();
	gate_pass(&crowd->ended, crowd->all);
	return NULL;
}

static inline void crowd_plays(int threads, bool old)
{
	struct crowd crowd = { .all = (uint32_t)threads + 1, .old = old };
	pthread_t *thread = mmap(NULL, sizeof(*thread) * threads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	if (!old)
		scene_confine();
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], &small, crowd_member, &crowd))
			_exit(78);
	if (old) {
		gate_pass(&crowd.drawn, crowd.all);
		scene_confine();
		gate_pass(&crowd.confined, crowd.all);
	}
	scene_draw_all();
	gate_pass(&crowd.ended, crowd.all);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

/* Wait for a child, and end as it did. */
static inline void scene_ends_as(pid_t child)
{
	int status = -1;

	while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		if (WTERMSIG(status) == SIGSYS)
			_exit(31);
		_exit(79);
	}
	_exit(WEXITSTATUS(status));
}

/* ---- Who draws ---- */

static void scene_main(const struct scene *scene)
{
	(void)scene;
	scene_draw_before();
	scene_confine();
	scene_draw_all();
}

static void scene_new_threads(const struct scene *scene)
{
	scene_draw_before();
	crowd_plays(scene->threads, false);
}

static void scene_old_threads(const struct scene *scene)
{
	crowd_plays(scene->threads, true);
}

static void scene_child(const struct scene *scene)
{
	pid_t child;

	scene_draw(scene->before);
	child = fork();
	if (child)
		scene_ends_as(child);
	watchdog(LIFE_SECONDS);
	scene_draw_before();
	if (scene->threads) {
		crowd_plays(scene->threads, false);
	} else {
		scene_confine();
		scene_draw_all();
	}
}

static void scene_fork_confined(const struct scene *scene)
{
	pid_t child;

	(void)scene;
	scene_draw_before();
	scene_confine();
	child = fork();
	if (!child)
		scene_draw_all();
	else
		scene_ends_as(child);
}

static void scene_childs_old_threads(const struct scene *scene)
{
	pid_t child;

	scene_draw(scene->before);
	child = fork();
	if (child)
		scene_ends_as(child);
	watchdog(LIFE_SECONDS);
	crowd_plays(scene->threads, true);
}

/* ---- A scene is played ---- */

#define SCENE_SECONDS	60
#define SCENE_TRACED	1
#define SCENE_DRAWS	2

/* In the fresh process: `case SCENE MOMENT HOW ANSWER`, and the allowance in the environment. */
__attribute__((noreturn))
static void scene_stage(const struct scene *scene, char *argv[])
{
	char *numbers = getenv("CONFORM_ALLOWED");
	int how = atoi(argv[3]);

	scene_now.moment = atoi(argv[2]);
	scene_now.drawing = how & SCENE_DRAWS;
	scene_now.answer = (uint32_t)strtoul(argv[4], NULL, 0);
	while (numbers && *numbers)
		scene_now.allowance.call[strtoul(numbers, &numbers, 10) % CONFINED_CALLS] = true;
	if (!scene_now.drawing && scene_now.moment == BEFORE_LOAD)
		calls_mark(0);
	libc_find();
	scene_now.draws = life_draws();
	if (!scene_now.draws)
		_exit(80);
	scene->play(scene);
	_exit(0);
}

static inline void allowance_tell(const struct allowance *allowance)
{
	static char text[5 * CONFINED_CALLS];
	size_t used = 0;

	for (int number = 0; number < CONFINED_CALLS; number++)
		if (allowance->call[number])
			used += (size_t)sprintf(text + used, used ? " %d" : "%d", number);
	setenv("CONFORM_ALLOWED", text, 1);
}

/* Start a fresh process that plays. `filter`: the filter it is executed under, or NULL. */
static inline pid_t scene_start(const struct scene *scenes, size_t which, int moment, int how, uint32_t answer,
				const struct allowance *filter)
{
	char numbers[4][16];
	char *const argv[] = { program_invocation_name, numbers[0], numbers[1], numbers[2], numbers[3], NULL };
	pid_t child;

	(void)scenes;
	snprintf(numbers[0], 16, "%zu", which);
	snprintf(numbers[1], 16, "%d", moment);
	snprintf(numbers[2], 16, "%d", how);
	snprintf(numbers[3], 16, "%#x", answer);
	child = fork();
	if (!child) {
		/* Stays over exec, unlike a watchdog. */
		alarm(SCENE_SECONDS * (unsigned int)tap_number("CONFORM_PATIENCE", 1));
		if (how & SCENE_TRACED)
			calls_may_be_followed();
		if (filter && !confine_to(filter, answer))
			_exit(77);
		case_execv(program_invocation_name, argv);
		_exit(127);
	}
	return child;
}

struct learning {
	struct allowance *allowance;
	bool marked;
};

static void scene_learn_call(const struct call *call, void *of)
{
	struct learning *learning = of;

	learning->marked |= call->mark >= 0;
	if (learning->marked && call->number >= 0 && call->number < CONFINED_CALLS)
		learning->allowance->call[call->number] = true;
}

/* What the scene calls without drawing; false when that can't be found out. */
static inline bool scene_learn(const struct scene *scenes, size_t which, int moment, struct allowance *allowance)
{
	struct learning learning = { .allowance = allowance };
	pid_t child = scene_start(scenes, which, moment, SCENE_TRACED, 0, NULL);
	int status = calls_follow(child, scene_learn_call, &learning);

	if (status == -1)
		skip_all("this process can't trace its child, to learn which system calls it needs: %s", strerror(errno));
	allow(allowance, always_allowed, sizeof(always_allowed) / sizeof(always_allowed[0]));
	if (moment == BEFORE_LOAD)
		allow(allowance, loaders_call, sizeof(loaders_call) / sizeof(loaders_call[0]));
	if (moment == BEFORE_LOAD && has_old_libpthread())
		allow(allowance, old_libpthread_calls, sizeof(old_libpthread_calls) / sizeof(old_libpthread_calls[0]));
	return expect(status == 0 && learning.marked, "%s, without draws: wait status %#x", scenes[which].name, status);
}

struct search {
	const struct allowance *allowance;
	bool begun;
	struct call found;
};

static void scene_search_call(const struct call *call, void *of)
{
	struct search *search = of;

	search->begun |= call->number == SYS_seccomp || call->number == SYS_execve;
	if (search->begun && call->number != SYS_seccomp && call->number != SYS_execve &&
	    !allowed(search->allowance, call))
		search->found = *call;
}

/* What a process that died would have needed, in words: it is played again, traced. */
static inline void scene_what_killed(const struct scene *scenes, size_t which, int moment, int how,
				     const struct allowance *allowance, char text[96])
{
	struct search search = { .allowance = allowance, .begun = moment == BEFORE_LOAD, .found = { .number = -1 } };
	pid_t child = scene_start(scenes, which, moment, how | SCENE_TRACED, DO_KILL_PROCESS,
				  moment == BEFORE_LOAD ? allowance : NULL);
	const char *name = "";

	calls_follow(child, scene_search_call, &search);
	for (size_t i = 0; i < REFUSABLE; i++)
		if (refusable[i].number == search.found.number)
			name = refusable[i].name;
	if (search.found.number == SYS_mmap)
		snprintf(text, 96, "dies for want of mmap with flags %#x", (unsigned int)search.found.arguments[3]);
	else
		snprintf(text, 96, "dies for want of system call %ld %s", search.found.number, name);
}

static inline const char *scene_moment(int moment)
{
	static const char *const names[] = {
		"before it is loaded", "before it draws", "after one draw", "after two draws",
	};

	return names[moment + 1];
}

/* Play it under the filter that kills. Returns whether it lives; if not, text says why. */
static inline bool scene_lives(const struct scene *scenes, size_t which, int moment, const struct allowance *allowance,
			       char text[96])
{
	const struct allowance *filter = moment == BEFORE_LOAD ? allowance : NULL;
	int status = -1;
	pid_t child;

	allowance_tell(allowance);
	child = scene_start(scenes, which, moment, SCENE_DRAWS, DO_KILL_PROCESS, filter);
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip_all("no seccomp filter for all threads can be installed here");
	snprintf(text, 96, "wait status %#x", status);
	if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) || (WIFEXITED(status) && WEXITSTATUS(status) == 31))
		scene_what_killed(scenes, which, moment, SCENE_DRAWS, allowance, text);
	return status == 0;
}

/*
 * The whole of a case: each scene, executed under the filter, or confined before the first draw, after one and
 * after two. A filter that is there over exec takes mmap with any flags, for loaders have theirs. Returns main's
 * status.
 */
static inline int confined_case(int argc, char *argv[], const char *promise, const struct scene *scenes, size_t count,
				bool over_exec)
{
	const int first = over_exec ? BEFORE_LOAD : 0, last = over_exec ? BEFORE_LOAD : 2;
	unsigned int lived = 0, played = 0;
	char text[96];

	if (argc == 5)
		scene_stage(&scenes[atoi(argv[1])], argv);
	case_begin(promise, scaled(60, 300));
	libc_needs(getrandom);
	needs_filters();
	scene_now.draws = life_draws();
	if (!scene_now.draws)
		skip_all("no memory file");
	for (size_t which = 0; which < count; which++) {
		struct allowance allowance = { .any_mmap = over_exec };

		if (!scene_learn(scenes, which, first, &allowance))
			continue;
		for (int moment = first; moment <= last; moment++, played++)
			lived += expect(scene_lives(scenes, which, moment, &allowance, text), "%s, confined %s: %s",
					scenes[which].name, scene_moment(moment), text);
	}
	if (over_exec) {
		struct allowance allowance = { .any_mmap = false };

		if (scene_learn(scenes, 0, first, &allowance))
			tap_line("# fact: ", "where-mmap-flags-are-looked-at=%s",
				 scene_lives(scenes, 0, first, &allowance, text) ? "lives" : text);
	}
	check(lived == played && played,
	      "%u of %u programs live that kill themselves for all but what they need, and getrandom", lived, played);
	outputs_distinct(scene_now.draws, "of confined programs");
	return case_end();
}

#endif

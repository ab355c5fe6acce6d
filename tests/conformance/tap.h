/* SPDX-License-Identifier: MIT */
/*
 * What every conformance case shares: TAP 14 on standard output, a seed, a profile, a watchdog.
 * Include it first. Nothing here draws random bytes, starts a thread or forks, and every line is one
 * write(2), so that handlers, threads and forked children can report too.
 *
 *   CONFORM_SEED      repeats a run (printed as a diagnostic by every run)
 *   CONFORM_PROFILE   quick, full or soak: see scaled()
 *   CONFORM_PATIENCE  multiplies the watchdog's seconds, for wrappers such as valgrind
 *   CONFORM_EXEC      the words, one a line, that must precede a program's path to run it in this target
 */
#ifndef CONFORM_TAP_H
#define CONFORM_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TAP_MAX_FAILURES	20	/* printed; the rest are only counted */

struct tap {			/* shared with forked children */
	uint32_t points;
	uint32_t failures;
};

static struct tap *tap;		/* set by case_begin */
static uint64_t case_seed;	/* deterministic choices start from here: next_random(&case_seed) */

/* One line, at most 500 characters, in one write. */
__attribute__((format(printf, 2, 0), unused))
static void tap_vline(const char *prefix, const char *format, va_list args)
{
	char line[512];
	int used = snprintf(line, sizeof(line), "%s", prefix);
	int more = vsnprintf(line + used, sizeof(line) - 1 - used, format, args);

	used = more < (int)sizeof(line) - 1 - used ? used + more : (int)sizeof(line) - 2;
	line[used++] = '\n';
	if (write(STDOUT_FILENO, line, used) != used)
		_exit(111);
}

__attribute__((format(printf, 2, 3), unused))
static void tap_line(const char *prefix, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_vline(prefix, format, args);
	va_end(args);
}

/* A diagnostic: anything that helps to understand the result. */
#define note(...) tap_line("# ", __VA_ARGS__)

/* Something measured that is neither right nor wrong; the runner shows it in its table. */
#define fact(name, format, ...) tap_line("# fact: ", name "=" format, __VA_ARGS__)

/* One test point. Threads and forked children may call it too. Returns the condition. */
__attribute__((format(printf, 4, 5), unused))
static bool tap_check(bool good, const char *file, int line, const char *format, ...)
{
	unsigned int failed = 0, point;
	char prefix[32];
	int saved = errno;
	va_list args;

	if (!good)
		failed = __atomic_add_fetch(&tap->failures, 1, __ATOMIC_SEQ_CST);
	if (failed > TAP_MAX_FAILURES) {
		errno = saved;
		return good;
	}
	point = __atomic_add_fetch(&tap->points, 1, __ATOMIC_SEQ_CST);
	snprintf(prefix, sizeof(prefix), "%s %u - ", good ? "ok" : "not ok", point);
	va_start(args, format);
	tap_vline(prefix, format, args);
	va_end(args);
	if (!good)
		note("  at %s:%d, errno %d", file, line, saved);
	errno = saved;
	return good;
}

/* check(condition, "what must hold, %s", ...): a test point, printed whether good or not. */
#define check(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)
/* expect(condition, ...): for loops; a test point only when it does not hold. Returns the condition. */
#define expect(condition, ...) \
	({ bool good_ = (condition); if (!good_) tap_check(false, __FILE__, __LINE__, __VA_ARGS__); good_; })

/* Number from the environment, or the fallback. */
static inline uint64_t tap_number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : fallback;
}

/* A repeatable sequence for the case's own choices (splitmix64): each thread keeps its own state. */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* True in the full and soak profiles. */
static inline bool full_profile(void)
{
	const char *profile = getenv("CONFORM_PROFILE");

	return profile && *profile && strcmp(profile, "quick") != 0;
}

/* How much to do: the first number in the quick profile, the second in full and soak. */
static inline uint64_t scaled(uint64_t quick, uint64_t full)
{
	return full_profile() ? full : quick;
}

/* End this process with SIGKILL after so many seconds. A child that outlives the case needs its own. */
static inline void watchdog(unsigned int seconds)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct { long sec, nsec; } when[2] = { { 0, 0 }, { seconds * tap_number("CONFORM_PATIENCE", 1), 0 } };
	int timer;

	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) ||
	    syscall(SYS_timer_settime, timer, 0, when, NULL))
		note("no watchdog: errno %d", errno);
}

/* First thing in main: the promise in one line, and the seconds after which the case counts as hung. */
static inline void case_begin(const char *promise, unsigned int seconds)
{
	struct timespec now;

	tap = mmap(NULL, sizeof(*tap), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tap == MAP_FAILED)
		abort();
	clock_gettime(CLOCK_REALTIME, &now);
	case_seed = tap_number("CONFORM_SEED", (uint64_t)now.tv_nsec << 20 ^ now.tv_sec ^ (uint64_t)getpid() << 40);
	tap_line("", "TAP version 14");
	note("%s", promise);
	note("seed: %#llx", (unsigned long long)case_seed);
	note("watchdog: %llu", (unsigned long long)seconds * tap_number("CONFORM_PATIENCE", 1));
	watchdog(seconds);
}

/* The case can't ask its question here: say why and end. Only before the first check. */
__attribute__((noreturn, format(printf, 1, 2), unused))
static void skip_all(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_vline("1..0 # SKIP ", format, args);
	va_end(args);
	exit(0);
}

/* Last thing in main: `return case_end();` */
static inline int case_end(void)
{
	if (tap->failures > TAP_MAX_FAILURES)
		note("%u failures, %d shown", tap->failures, TAP_MAX_FAILURES);
	tap_line("", "1..%u", tap->points);
	return tap->failures ? 1 : 0;
}

/* The system call that copies this process, libc not knowing. On s390x the stack comes before the flags (clone(2)). */
static inline pid_t raw_clone(unsigned long flags)
{
#ifdef __s390x__
	return (pid_t)syscall(SYS_clone, 0UL, flags, 0UL, 0UL, 0UL);
#else
	return (pid_t)syscall(SYS_clone, flags, 0UL, 0UL, 0UL, 0UL);
#endif
}

/* Wait for a child; a test point only if it did not end with exit status 0. Returns whether it did. */
static inline bool wait_ok(pid_t child, const char *who)
{
	int status = 0;
	pid_t got;

	do
		got = child > 0 ? waitpid(child, &status, __WALL) : -1;
	while (got == -1 && errno == EINTR);
	if (!expect(got == child, "%s: there is a child to wait for", who))
		return false;
	if (WIFSIGNALED(status))
		return expect(false, "%s ends by itself, not by signal %d", who, WTERMSIG(status));
	return expect(WEXITSTATUS(status) == 0, "%s ends with status 0, not %d", who, WEXITSTATUS(status));
}

#define CASE_MOST_WORDS	64

/*
 * The words that run the program at path in this target, argv[1] and on behind them; argv may be NULL. Under an
 * explicit loader or a wrapper, its words come first. They live until the next call. Only one thread may call it.
 */
static inline char **case_words(const char *path, char *const argv[])
{
	static char prefix[8192], *words[CASE_MOST_WORDS];
	char *word = prefix;
	size_t count = 0;

	snprintf(prefix, sizeof(prefix), "%s", getenv("CONFORM_EXEC") ? getenv("CONFORM_EXEC") : "");
	while (word && *word && count < CASE_MOST_WORDS / 2) {
		words[count++] = word;
		word = strchr(word, '\n');
		if (word)
			*word++ = '\0';
	}
	words[count++] = (char *)path;
	for (argv = argv && *argv ? argv + 1 : NULL; argv && *argv && count < CASE_MOST_WORDS - 1; argv++)
		words[count++] = *argv;
	words[count] = NULL;
	return words;
}

/* The same as a command for sh(1), with each word in quotes. It lives until the next call. */
static inline const char *case_command(const char *path, char *const argv[])
{
	static char command[9000];
	size_t used = 0;

	for (char **word = case_words(path, argv); *word && used < sizeof(command) - 8; word++) {
		command[used++] = '\'';
		for (const char *c = *word; *c && used < sizeof(command) - 8; c++) {
			if (*c == '\'')	/* 'it'\''s' */
				used += (size_t)sprintf(command + used, "'\\'");
			command[used++] = *c;
		}
		command[used++] = '\'';
		command[used++] = ' ';
	}
	command[used] = '\0';
	return command;
}

/* execv in this target. program_invocation_name is this case's own path. Returns only on failure, as execv. */
static inline int case_execv(const char *path, char *const argv[])
{
	char **words = case_words(path, argv);

	return execvp(words[0], words);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * When the kernel's getrandom answers 0, or fewer bytes than were asked for, no function returns a buffer that it
 * has not filled, and none asks for ever: getentropy fails with EIO, or fills all; arc4random_buf fills all, or
 * ends the process.
 *
 * Source: getrandom(2): a short result is possible; getentropy(3): EIO; arc4random(3): always successful
 * Kind: promise
 */
#include "supervise.h"
#include "draws.h"
#include "memory.h"

#define UNTOUCHED	0xa5
#define MOST		2000	/* bytes of a draw */
#define TURNS		4

static struct draws *draws;

/* ---- What is answered ---- */

static ssize_t nothing(void *bytes, size_t length, unsigned int number)
{
	(void)bytes, (void)length, (void)number;
	return 0;
}

static ssize_t nothing_at_first(void *bytes, size_t length, unsigned int number)
{
	return number ? syscall(SYS_getrandom, bytes, length, 0) : 0;
}

static ssize_t half(void *bytes, size_t length, unsigned int number)
{
	(void)number;
	return syscall(SYS_getrandom, bytes, (length + 1) / 2, 0);
}

static ssize_t one_byte(void *bytes, size_t length, unsigned int number)
{
	(void)number;
	return syscall(SYS_getrandom, bytes, length > 0, 0);
}

static ssize_t interrupted_at_first(void *bytes, size_t length, unsigned int number)
{
	return number < 10 ? -EINTR : syscall(SYS_getrandom, bytes, length, 0);
}

static const struct plan {
	const char *name;
	supervisor *answer;
} plans[] = {
	{ "0", nothing },
	{ "0 at first", nothing_at_first },
	{ "half", half },
	{ "one byte", one_byte },
	{ "EINTR ten times", interrupted_at_first },
};
#define PLANS	(sizeof(plans) / sizeof(plans[0]))

/* ---- Who asks: how many of the bytes are said to be good, or -1 and errno ---- */

static ssize_t by_getrandom(void *bytes, size_t length)
{
	return libc.getrandom(bytes, length, 0);
}

static ssize_t by_getentropy(void *bytes, size_t length)
{
	return libc.getentropy(bytes, length) ? -1 : (ssize_t)length;
}

static ssize_t by_arc4random_buf(void *bytes, size_t length)
{
	libc.arc4random_buf(bytes, length);
	return (ssize_t)length;
}

static const struct function {
	const char *name;
	ssize_t (*ask)(void *bytes, size_t length);
	bool may_abort;
} functions[] = {
	{ "getrandom", by_getrandom, false },
	{ "getentropy", by_getentropy, false },
	{ "arc4random_buf", by_arc4random_buf, true },
};
#define FUNCTIONS	(sizeof(functions) / sizeof(functions[0]))

static bool exists(const struct function *function)
{
	return (function->ask != by_getentropy || libc.getentropy) &&
	       (function->ask != by_arc4random_buf || libc.arc4random_buf);
}

/* Whether the first so many bytes were written: eight in a row that still are as they were say no. */
static bool filled(const unsigned char *bytes, ssize_t length)
{
	static const unsigned char untouched[8] = { [0 ... 7] = UNTOUCHED };

	return length < 8 || !memmem(bytes, (size_t)length, untouched, 8);
}

/* In a child: draw before, have the pages dropped, or neither; then ask under the plan. */
enum before { NEVER_DREW, DREW, DREW_AND_DROPPED, BEFORES };
static const char *const befores[BEFORES] = { "never drew", "drew before", "its pages dropped" };

static void ask_all(const char *who, const struct function *function, const struct plan *plan, enum before before)
{
	static const size_t lengths[] = { 1, 16, 32, 33, 256, MOST };
	unsigned char bytes[MOST];
	ssize_t got;

	for (int i = 0; before != NEVER_DREW && i < 3; i++)
		function->ask(bytes, 16);
	if (!supervise_begin(plan->answer))
		_exit(77);
	for (size_t i = 0; i < TURNS * sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t length = lengths[i / TURNS];
		uint32_t enough = 4 * length + 64;	/* byte by byte, each asked for twice, is still well */

		if (length > 256 && function->ask == by_getentropy)
			return;
		if (before == DREW_AND_DROPPED)
			memory_drop();
		memset(bytes, UNTOUCHED, sizeof(bytes));
		supervise_restart(enough);
		errno = 0;
		got = function->ask(bytes, length);
		if (!expect(__atomic_load_n(&supervised.calls, __ATOMIC_SEQ_CST) < enough,
			    "%s, %zu bytes: it asks for ever", who, length))
			return;
		expect(got <= (ssize_t)length && (got >= 0 || errno), "%s, %zu bytes: answers %zd, errno %d", who, length,
		       got, errno);
		expect(got < 0 || filled(bytes, got), "%s, %zu bytes: they were not written", who, length);
		if (function->ask == by_getentropy && got < 0)
			expect(errno == EIO, "%s, %zu bytes: getentropy fails with errno %d, not EIO", who, length, errno);
		if (got >= 16)
			draws_add(draws, bytes, (size_t)got, i);
	}
}

static void one(const struct function *function, const struct plan *plan, enum before before)
{
	int status = -1;
	char who[96];
	pid_t child;

	snprintf(who, sizeof(who), "%s, %s, answered %s", function->name, befores[before], plan->name);
	child = fork();
	if (!child) {
		watchdog(10);
		ask_all(who, function, plan, before);
		_exit(0);
	}
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip_all("system calls can't be answered by another thread here (seccomp's user notification, Linux 5.0)");
	expect(status == 0 || (function->may_abort && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT),
	       "%s: wait status %#x", who, status);
}

int main(void)
{
	case_begin("getrandom answers 0 or less than was asked for", 60);
	libc_needs(getrandom);
	needs_filters();
	draws = draws_new(FUNCTIONS * PLANS * BEFORES * 6 * TURNS * MOST / 16);
	for (size_t function = 0; function < FUNCTIONS; function++)
		for (size_t plan = 0; exists(&functions[function]) && plan < PLANS; plan++)
			for (enum before before = 0; before < BEFORES; before++)
				one(&functions[function], &plans[plan], before);
	check(!tap->failures, "whole draws or errors");
	outputs_distinct(draws, "under short answers");
	return case_end();
}

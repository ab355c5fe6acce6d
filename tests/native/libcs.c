/* SPDX-License-Identifier: MIT */
/*
 * What one preloaded file must do under every libc: all functions are there and serve, errors and errno are this
 * libc's own, threads and forked children draw, and syscall() of other numbers is unharmed.
 */
#include "tap.h"
#include "draws.h"

#include <pthread.h>
#include <sys/random.h>

#define TURNS	1000

/* Older libcs, and all of musl, have none: the library brings them. */
uint32_t arc4random(void) __attribute__((weak));
void arc4random_buf(void *, size_t) __attribute__((weak));
uint32_t arc4random_uniform(uint32_t) __attribute__((weak));
const char *gnu_get_libc_version(void) __attribute__((weak));

static struct draws *draws;

static bool draw_by_all(uint64_t who, int turns)
{
	unsigned char bytes[32];
	uint32_t words[4];
	bool good = true;

	errno = 77;
	while (turns--) {
		good &= getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes);
		draws_add(draws, bytes, sizeof(bytes), who);
		good &= getentropy(bytes, sizeof(bytes)) == 0;
		draws_add(draws, bytes, sizeof(bytes), who);
		good &= syscall(SYS_getrandom, bytes, sizeof(bytes), GRND_NONBLOCK) == sizeof(bytes);
		draws_add(draws, bytes, sizeof(bytes), who);
		arc4random_buf(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
		for (int i = 0; i < 4; i++)
			words[i] = arc4random();
		draws_add(draws, words, sizeof(words), who);
		good &= arc4random_uniform(6) < 6;
	}
	return good && errno == 77;
}

static void errors(void)
{
	unsigned char bytes[300];

	errno = 0;
	check(getentropy(bytes, 257) == -1 && errno == EIO, "getentropy of more than 256 bytes: EIO, not %d", errno);
	check(getentropy(bytes, 256) == 0 && errno == EIO, "success leaves errno alone");
	check(getrandom(bytes, 16, 0x80) == -1 && errno == EINVAL, "unknown flags: EINVAL, not %d", errno);
	check(getrandom(NULL, 16, 0) == -1 && errno == EFAULT, "no buffer: EFAULT, not %d", errno);
	check(syscall(SYS_close, -1) == -1 && errno == EBADF, "another system call's error: EBADF, not %d", errno);
	check(syscall(SYS_getpid) == getpid() && errno == EBADF, "another system call's success");
}

static void *body(void *unused)
{
	check(draw_by_all(2, 10), "a thread draws");
	errno = 5;
	return unused;
}

int main(void)
{
	pthread_t thread;
	pid_t child;

	case_begin("one file for every libc", 60);
	fact("libc", "%s", gnu_get_libc_version ? gnu_get_libc_version() : "musl");
	draws = draws_new(TURNS * 12);
	if (!check(arc4random && arc4random_buf && arc4random_uniform, "all functions are there"))
		return case_end();
	check(draw_by_all(1, TURNS), "all functions serve and leave errno alone");
	errors();
	errno = 4;
	pthread_create(&thread, NULL, body, NULL);
	pthread_join(thread, NULL);
	check(errno == 4, "errno is a thread's own");
	child = fork();
	if (!child)
		_exit(draw_by_all(3, 10) ? 0 : 1);
	wait_ok(child, "the child");
	outputs_distinct(draws, "by all functions, threads and processes");
	return case_end();
}

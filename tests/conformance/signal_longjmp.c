/* SPDX-License-Identifier: MIT */
/*
 * Promise: handlers leave draws by siglongjmp, again and again, at any moment; the thread draws on for ever, and
 * so do threads and children that come after. What had got into the buffer by then is never drawn again.
 * Source: POSIX allows siglongjmp out of a handler that interrupted an async-signal-safe function, which the
 * system call is. The case step_longjmp does it at every instruction.
 * Kind: quality
 */
#include "family.h"
#include "storm.h"

#include <setjmp.h>

static struct storm storm;
static sigjmp_buf before;
static volatile sig_atomic_t drawing;

static void handler(int signal)
{
	(void)signal;
	storm_again(&storm);
	if (!drawing) {
		storm_misses(&storm);
		return;
	}
	storm_strikes(&storm);
	drawing = 0;
	siglongjmp(before, 1);
}

/* Draws that are broken off: a buffer that is full may have been broken off or not. */
static void draw_and_jump(void)
{
	static unsigned char bytes[32];
	static const unsigned char zeros[32];

	sigsetjmp(before, 1);
	while (storm_rages(&storm)) {
		for (int half = 0; half < 32; half += 16)
			if (memchr(bytes + half, 0, 16) == NULL)
				draws_add(family, bytes + half, 16, 9);
		memcpy(bytes, zeros, sizeof(bytes));
		if (family_has_room())
			family_draw(1, 1);
		drawing = 1;
		draw(bytes, sizeof(bytes));
		drawing = 0;
		memcpy(bytes, zeros, sizeof(bytes));
	}
}

static void *thread_life(void *unused)
{
	if (expect(storm_begin(&storm, SIGALRM, 20000, scaled(1000, 5000)), "a timer"))
		draw_and_jump();
	family_draw(2, 1000);
	return unused;
}

int main(void)
{
	int threads = (int)scaled(4, 20);
	pthread_t thread;
	pid_t child;

	family_begin("a thread that leaves draws by siglongjmp draws on for ever", 40000000);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = handler, .sa_flags = SA_RESTART }, NULL);
	for (int i = 0; i < threads; i++) {
		if (expect(!pthread_create(&thread, NULL, thread_life, NULL), "a thread starts"))
			pthread_join(thread, NULL);
	}
	thread_life(NULL);
	child = fork();
	if (child == 0) {
		family_child();
		family_draw(3, 1000);
		family_thread_draws(4);
		_exit(0);
	}
	family_draw(5, 1000);
	wait_ok(child, "the child");
	outputs_distinct(family, "draws after long jumps");
	return case_end();
}

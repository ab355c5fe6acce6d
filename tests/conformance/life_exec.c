/* SPDX-License-Identifier: MIT */
/*
 * exec in every order with fork, vfork and threads: the new program starts afresh, and no bytes of a family come out
 * twice.
 *
 * Source: execve(2): mappings are not preserved, other threads are destroyed; getrandom(2)
 * Kind: promise
 */
#include "life.h"
#include "libc.h"

#include <pthread.h>

static struct draws *draws;

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < 16 && libc.getrandom(bytes, 32, 0) == 32; i++)
		draws_add(draws, bytes, sizeof(bytes), (uint64_t)getpid() << 8 | who);
}

static void *exec_from_thread(void *stage)
{
	draw_some(2);
	life_next(stage);
	return NULL;
}

static void *draw_for_ever(void *unused)
{
	unsigned char bytes[32];

	while (libc.getrandom(bytes, 32, 0) == 32)
		;
	return unused;
}

/* Each stage draws, then becomes the next in its own way; the last one ends. */
static void stage(const char *name)
{
	pthread_t thread;
	pid_t child;

	draw_some(1);
	if (!strcmp(name, "exec-exec"))
		life_next("fork-exec");
	if (!strcmp(name, "fork-exec")) {
		child = fork();
		draw_some(3);
		if (!child)
			life_next("undrawn-exec");
		_exit(wait_ok(child, name) ? 0 : 1);
	}
	if (!strcmp(name, "undrawn-exec")) {	/* a child that has not drawn yet */
		child = fork();
		if (!child)
			life_next("vfork-exec");
		_exit(wait_ok(child, name) ? 0 : 1);
	}
	if (!strcmp(name, "vfork-exec")) {
		char *const argv[] = { program_invocation_name, (char *)"thread-exec", NULL };

		child = vfork();
		if (!child) {
			case_execv(program_invocation_name, argv);
			_exit(127);
		}
		draw_some(4);
		_exit(wait_ok(child, name) ? 0 : 1);
	}
	if (!strcmp(name, "thread-exec")) {
		pthread_create(&thread, NULL, draw_for_ever, NULL);
		pthread_create(&thread, NULL, exec_from_thread, (void *)"last");
		pause();
	}
	_exit(0);
}

int main(int argc, char *argv[])
{
	static const char *const starts[] = { "exec-exec", "fork-exec", "undrawn-exec", "vfork-exec", "thread-exec", "last" };
	uint64_t turn, turns = scaled(3, 30);
	unsigned int i;

	libc_find();
	if (argc > 1) {
		static struct tap quiet;

		tap = &quiet;
		draws = life_draws();
		stage(argv[1]);
	}
	case_begin("exec in every order", 60);
	libc_needs(getrandom);
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (turn = 0; turn < turns; turn++) {
		for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
			draw_some(9);
			life_child(starts[i]);
		}
	}
	check(draws->used >= turns * (6 + 21) * 32, "%llu pieces were drawn", (unsigned long long)draws->used);
	outputs_distinct(draws, "programs that exec");
	return case_end();
}

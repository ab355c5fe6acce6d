/* SPDX-License-Identifier: MIT */
/*
 * Promise: programs started by posix_spawn() and system() draw bytes of their own, and so does their parent
 * afterwards.
 * Source: posix_spawn(3), system(3), getrandom(2).
 * Kind: promise
 */
#include "family.h"

#include <spawn.h>

extern char **environ;

/* The program that is started: 16 draws to standard output, as bytes. */
static int child_main(void)
{
	unsigned char bytes[256];

	libc_find();
	for (int i = 0; i < 16; i++)
		if (libc.getrandom(bytes + 16 * i, 16, 0) != 16)
			return 1;
	return write(STDOUT_FILENO, bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : 1;
}

/* What the child wrote into the pipe. */
static void collect(int file, const char *how)
{
	unsigned char bytes[256];
	size_t used = 0;
	ssize_t got;

	while (used < sizeof(bytes) && (got = read(file, bytes + used, sizeof(bytes) - used)) > 0)
		used += got;
	if (expect(used == sizeof(bytes), "%s: the program writes %zu bytes, not %zu", how, sizeof(bytes), used))
		draws_add(family, bytes, sizeof(bytes), 0x5000000);
}

/* How this program is started again. */
static char *again[] = { NULL, (char *)"child", NULL };

static void by_spawn(void)
{
	posix_spawn_file_actions_t actions;
	int ends[2], error;
	char **words = case_words(program_invocation_name, again);
	pid_t child = 0;

	if (!expect(pipe(ends) == 0, "a pipe"))
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	error = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (expect(error == 0, "posix_spawn: error %d", error)) {
		collect(ends[0], "posix_spawn");
		wait_ok(child, "the spawned program");
	}
	close(ends[0]);
}

static void by_system(void)
{
	char command[9100];
	int ends[2], status;

	if (!expect(pipe(ends) == 0, "a pipe"))
		return;
	snprintf(command, sizeof(command), "%s>&%d", case_command(program_invocation_name, again), ends[1]);
	status = system(command);
	close(ends[1]);
	if (expect(status == 0, "system ends with status 0, not %#x", status))
		collect(ends[0], "system");
	close(ends[0]);
}

int main(int argc, char **argv)
{
	int rounds = (int)scaled(20, 200);

	if (argc > 1 && !strcmp(argv[1], "child"))
		return child_main();
	family_begin("programs started by posix_spawn and system draw bytes of their own", 100000);
	again[0] = program_invocation_name;
	for (int round = 0; round < rounds; round++) {
		by_spawn();
		family_draw(1, round % 7 + 1);
		by_system();
		family_draw(1, 1);
	}
	outputs_distinct(family, "posix_spawn and system");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * No case: what the runner starts first, in each way in which the cases start processes. Each process says which
 * files it has mapped, and where the functions that it would call are; the runner compares that with what was
 * asked for.
 *
 * Output, once for each way: "way NAME", "address FUNCTION HEX" lines (0: this libc has none), the lines of
 * /proc/self/maps, "end". Exit status 0 when all processes could be started.
 */
#include "tap.h"
#include "libc.h"
#include <fcntl.h>
#include <spawn.h>

extern char **environ;

static void say(const char *text, size_t length)
{
	while (length) {
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written <= 0)
			_exit(111);
		text += written;
		length -= written;
	}
}

static void report(const char *way)
{
	static char text[65536];
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	libc_find();
	/* Nobody interposes getppid: where it is, the libc is. */
	got = snprintf(text, sizeof(text), "way %s\naddress getrandom %zx\naddress libc %zx\n", way,
		       (size_t)libc.getrandom, (size_t)libc_symbol("getppid"));
	say(text, got);
	while ((got = read(maps, text, sizeof(text))) > 0)
		say(text, got);
	say("end\n", 4);
	close(maps);
}

static int ended_well(pid_t child)
{
	int status = 0;

	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int by_fork(void)
{
	pid_t child = fork();

	if (!child) {
		report("fork");
		_exit(0);
	}
	return ended_well(child);
}

static int by_exec(void)
{
	char *const again[] = { program_invocation_name, (char *)"exec", NULL };
	pid_t child = fork();

	if (!child) {
		case_execv(program_invocation_name, again);
		_exit(127);
	}
	return ended_well(child);
}

static int by_spawn(void)
{
	char *const again[] = { program_invocation_name, (char *)"spawn", NULL };
	char **words = case_words(program_invocation_name, again);
	pid_t child = 0;

	return posix_spawnp(&child, words[0], NULL, NULL, words, environ) == 0 && ended_well(child);
}

static int by_shell(void)
{
	char *const again[] = { program_invocation_name, (char *)"shell", NULL };

	return system(case_command(program_invocation_name, again)) == 0;
}

int main(int argc, char **argv)
{
	report(argc > 1 ? argv[1] : "direct");
	return argc > 1 || (by_fork() && by_exec() && by_spawn() && by_shell()) ? 0 : 1;
}

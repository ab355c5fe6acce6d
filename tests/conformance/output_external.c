/* SPDX-License-Identifier: MIT */
/*
 * PractRand or dieharder, where one is installed, finds nothing in the stream. Only in the full profile.
 *
 * Source: PractRand (RNG_test), dieharder(1)
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"

static bool installed(const char *program)
{
	char command[256];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	return system(command) == 0;
}

/* Feed the program until it has read enough; true when no line of its output has the word that means failure. */
static bool feed(const char *command, const char *bad)
{
	static unsigned char bytes[65536];
	char line[512];
	FILE *output;
	bool good = true;
	int input[2], result[2];
	pid_t child, writer;

	if (pipe(input) || pipe(result))
		return false;
	child = fork();
	if (!child) {
		dup2(input[0], 0);
		dup2(result[1], 1);
		close(input[0]), close(input[1]), close(result[0]), close(result[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	writer = fork();
	if (!writer) {
		close(input[0]), close(result[0]), close(result[1]);
		for (;;)
			if (!draw(bytes, sizeof(bytes)) || write(input[1], bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
				_exit(0);
	}
	close(input[0]), close(input[1]), close(result[1]);
	output = fdopen(result[0], "r");
	while (output && fgets(line, sizeof(line), output)) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, bad)) {
			good = false;
			note("%s", line);
		}
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	wait_ok(child, command);
	return good;
}

int main(void)
{
	case_begin("a battery of tests finds nothing", 3600);
	libc_needs(getrandom);
	if (!full_profile())
		skip_all("only in the full profile: it takes many minutes");
	if (installed("RNG_test"))
		check(feed("RNG_test stdin64 -tlmax 1GB -multithreaded", "FAIL"), "PractRand, 1 GB");
	else if (installed("dieharder"))
		check(feed("dieharder -g 200 -d 0 -d 1 -d 2 -d 8 -d 15 -d 101 -d 102 -d 204", "FAILED"), "dieharder, some of its tests");
	else
		skip_all("neither RNG_test (PractRand) nor dieharder is installed");
	return case_end();
}

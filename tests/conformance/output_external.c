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

/*
 * Feed the command until it has read enough; true when a line of its output has the word of a test that was made, and
 * none the word of one that failed.
 */
static bool feed(const char *command, const char *made, const char *bad)
{
	static unsigned char bytes[65536];
	char line[512];
	FILE *output;
	bool good = true, tested = false;
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
		tested |= strstr(line, made) != NULL;
		if (strstr(line, bad)) {
			good = false;
			note("%s", line);
		}
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	return wait_ok(child, command) && tested && good;
}

int main(void)
{
	case_begin("a battery of tests finds nothing", 3600);
	libc_needs(getrandom);
	if (!full_profile())
		skip_all("only in the full profile: it takes many minutes");
	if (installed("RNG_test"))
		check(feed("RNG_test stdin64 -tlmax 1GB -multithreaded", "length=", "FAIL"), "PractRand, 1 GB");
	else if (installed("dieharder"))
		check(feed("for test in 0 1 2 8 15 101 102 204; do dieharder -g 200 -d $test || exit; done", "PASSED", "FAILED"),
		      "dieharder, some of its tests");
	else
		skip_all("neither RNG_test (PractRand) nor dieharder is installed");
	return case_end();
}

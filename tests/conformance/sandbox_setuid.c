/* SPDX-License-Identifier: MIT */
/*
 * A set-uid program draws, whatever was preloaded into the one that starts it.
 *
 * Source: ld.so(8), secure-execution mode; getrandom(2)
 * Kind: promise
 */
#include "sandbox.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

/* A copy of this program in the current folder, set-uid root, which everybody may execute. */
static bool install(void)
{
	int from = open(program_invocation_name, O_RDONLY | O_CLOEXEC);
	int to = open("set-uid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	bool good = from >= 0 && to >= 0;

	while (good && (good = sendfile(to, from, NULL, 1 << 20) > 0))
		if (lseek(from, 0, SEEK_CUR) == lseek(from, 0, SEEK_END))
			break;
	good = good && !fchown(to, 0, 0) && !fchmod(to, 04755) && !chmod(".", 0755);
	close(from);
	close(to);
	return good;
}

int main(int argc, char *argv[])
{
	const char *prefix = getenv("CONFORM_EXEC");
	char *const again[] = { (char *)"./set-uid", (char *)"stage", NULL };
	struct draws *draws;
	int status, i;
	pid_t child;

	libc_find();
	if (argc > 1) {
		(void)argv;
		if (!getauxval(AT_SECURE) || geteuid() != 0)
			_exit(77);
		_exit(sandbox_draws(life_draws(), getpid()) ? 0 : 1);
	}
	case_begin("draws in a set-uid program", 10);
	libc_needs(getrandom);
	if (prefix && *prefix)
		skip_all("a set-uid program can't be started by way of a loader or wrapper");
	if (geteuid() != 0)
		skip_all("only root can make a set-uid root program");
	draws = life_draws();
	if (!draws || !install())
		skip_all("no set-uid program can be made in the current folder");
	for (i = 0; i < 5; i++) {
		sandbox_draws(draws, 1);
		child = fork();
		if (!child) {
			if (setgid(65534) || setuid(65534))
				_exit(77);
			execv("./set-uid", again);
			_exit(77);
		}
		waitpid(child, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			skip_all("set-uid has no effect in the current folder");
		expect(status == 0, "the set-uid program draws: wait status %#x", status);
	}
	outputs_distinct(draws, "set-uid programs and their parent");
	return case_end();
}

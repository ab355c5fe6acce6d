/* SPDX-License-Identifier: MIT */
/*
 * Where a filter refuses getrandom itself, getrandom and getentropy fail with an errno or succeed, arc4random_buf
 * finds other bytes or ends the process; nobody ever gets a buffer that was not filled.
 *
 * Source: getrandom(2): ENOSYS; arc4random(3): always successful; seccomp(2)
 * Kind: promise
 */
#include "sandbox.h"

#include <sys/stat.h>

#define TURNS	100

/* Which functions to ask, by letters in the stage's name: r, e, a; d: there is no /dev either; f: draw first. */
static void stage(const char *name, struct draws *draws, enum action action)
{
	static const unsigned char zeros[32];
	unsigned char bytes[32];
	int i;

	if (strchr(name, 'f'))
		sandbox_draws(draws, 1);
	mkdir("empty", 0755);
	if (strchr(name, 'd') && (chroot("empty") || chdir("/")))
		_exit(77);
	if (!refuse(SYS_getrandom, action))
		_exit(77);
	for (i = 0; i < TURNS; i++) {
		bool filled = true;

		memset(bytes, 0, sizeof(bytes));
		errno = 0;
		if (strchr(name, 'r'))
			filled = libc.getrandom(bytes, 32, 0) == 32;
		else if (strchr(name, 'e'))
			filled = libc.getentropy(bytes, 32) == 0;
		else
			libc.arc4random_buf(bytes, 32);
		if (filled)
			draws_add(draws, bytes, 32, 2);
		else if (errno == 0 || memcmp(bytes, zeros, 32))
			_exit(1);
	}
	_exit(0);
}

int main(int argc, char *argv[])
{
	static const char *const stages[] = { "r", "e", "a", "fr", "fe", "fa", "ad", "fad" };
	struct draws *draws;
	unsigned int i, action;
	char aborts[256] = "";
	int status;

	libc_find();
	if (argc == 4)
		stage(argv[1], life_draws(), atoi(argv[3]));
	case_begin("getrandom itself is refused", 30);
	libc_needs(getrandom);
	needs_filters();
	draws = life_draws();
	if (!draws)
		skip_all("no memory file");
	for (i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if ((strchr(stages[i], 'a') && !libc.arc4random_buf) || (strchr(stages[i], 'e') && !libc.getentropy))
			continue;
		for (action = ANSWER_EPERM; action < ACTIONS; action++) {
			bool may_abort = strchr(stages[i], 'a') != NULL;

			status = sandbox_stage(stages[i], 0, action);
			if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
				note("%s: needs chroot", stages[i]);
				continue;
			}
			check(status == 0 || (may_abort && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT),
			      "stage %s, %s: wait status %#x", stages[i], action_names[action], status);
			if (may_abort && status)
				snprintf(aborts + strlen(aborts), sizeof(aborts) - strlen(aborts), "%s%s-%s", aborts[0] ? "+" : "",
					 stages[i], action_names[action]);
		}
	}
	if (libc.arc4random_buf)
		fact("arc4random-aborts", "%s", aborts[0] ? aborts : "never");
	sandbox_draws(draws, 9);
	outputs_distinct(draws, "what was filled");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * vgetrandom-take-back [ROOT]: puts back the /etc/ld.so.preload that was there before `vgetrandom deploy host`, below
 * ROOT (by default /).
 *
 * For a host on which nothing starts any more: what must stay true is that this program needs no loader, no libc and
 * no other file. It makes system calls and nothing else. Exit status: 0 done, 1 there is nothing to take back, 2 an error.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "arch/arch.h"

#define LIST	"etc/ld.so.preload"
#define SAVED	"etc/ld.so.preload.vgetrandom-saved"	/* pytools/vgetrandom/deploy/host.py writes it */
#define NO_FILE	(-2)	/* ENOENT */

static char arguments[8192];	/* the command line: each word ends with a zero */

static long call(long number, long a, long b, long c, long d)
{
	return raw_syscall(number, a, b, c, d, 0, 0);
}

static long length(const char *text)
{
	long count = 0;

	while (text[count])
		count++;
	return count;
}

static void say(const char *text)
{
	call(SYS_write, 2, (long)text, length(text), 0);
}

static _Noreturn void end(int status, const char *text)
{
	say(text);
	for (;;)
		call(SYS_exit_group, status, 0, 0, 0);
}

static long open_to_read(const char *path)
{
	return call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
}

/* The first argument, "" when there is none. The entry of a program has it on its stack, where C can't look. */
static const char *first_argument(void)
{
	long file = open_to_read("/proc/self/cmdline");
	long count = file < 0 ? 0 : call(SYS_read, file, (long)arguments, sizeof(arguments) - 1, 0);
	long name = length(arguments) + 1;

	return count > name ? arguments + name : "";
}

static void remove_file(const char *path)
{
	call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0);
}

void _start(void)
{
	const char *root = first_argument();
	long file;
	bool was_empty;

	if (call(SYS_chdir, (long)(*root ? root : "/"), 0, 0, 0))
		end(2, "vgetrandom-take-back: that folder can't be entered\n");
	file = open_to_read(SAVED);
	if (file == NO_FILE)
		end(1, "vgetrandom-take-back: there is no copy of an earlier /etc/ld.so.preload; nothing is changed\n");
	if (file < 0)
		end(2, "vgetrandom-take-back: the copy of the earlier /etc/ld.so.preload can't be read; be root\n");
	was_empty = call(SYS_lseek, file, 0, 2 /* SEEK_END */, 0) == 0;
	if (call(SYS_renameat2, AT_FDCWD, (long)SAVED, AT_FDCWD, (long)LIST))
		end(2, "vgetrandom-take-back: /etc/ld.so.preload can't be written; be root, and mount / writable\n");
	if (was_empty)	/* there was none */
		remove_file(LIST);
	end(0, "vgetrandom-take-back: /etc/ld.so.preload is as it was before `vgetrandom deploy host`\n");
}

/* SPDX-License-Identifier: MIT */
/*
 * The exit report. Without VGETRANDOM_REPORT nothing here makes a system call. The file is opened at exit:
 * a descriptor held until then could be closed and given to another file by the program.
 */
#include "report.h"

#include <limits.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "compiler.h"
#include "environment.h"
#include "slots.h"
#include "syscalls.h"

static char path[PATH_MAX];
static int descriptor = -1;

struct line {
	char text[512];
	size_t length;
};

/* Returns the end of `to`, or NULL when `text` does not fit before `limit`. */
static char *copy(char *to, const char *limit, const char *text)
{
	while (*text && to < limit)
		*to++ = *text++;
	return *text || to == limit ? NULL : to;
}

static int parse_descriptor(const char *digits)
{
	int number = 0;

	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9' || number > INT_MAX / 10 - 1)
			return -1;
		number = number * 10 + (*digits - '0');
	}
	return number;
}

/* Programs change directory: a relative path is one from here. */
static void keep_path(const char *name)
{
	const char *limit = path + sizeof(path);
	char *end = path;

	if (*name != '/') {
		long length = sys_getcwd(path, sizeof(path));

		if (length <= 0)
			return;
		end = copy(path + length - 1, limit, "/");
	}
	if (!end || !copy(end, limit, name))
		path[0] = 0;	/* longer than any path can be */
}

void report_init(void)
{
	const char *name = environment_get("VGETRANDOM_REPORT");

	if (!name || !*name)
		return;
	if (name[0] == 'f' && name[1] == 'd' && name[2] == ':')
		descriptor = parse_descriptor(name + 3);
	else
		keep_path(name);
}

static void add_text(struct line *line, const char *text)
{
	while (*text)
		line->text[line->length++] = *text++;
}

static void add_number(struct line *line, const char *key, uint64_t number)
{
	char digits[24];
	char *digit = digits + sizeof(digits) - 1;

	*digit = 0;
	do {
		*--digit = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add_text(line, ",\"");
	add_text(line, key);
	add_text(line, "\":");
	add_text(line, digit);
}

static const char *status_name(void)
{
	switch (process.status) {
	case VGETRANDOM_ACTIVE:
		return "active";
	case VGETRANDOM_OFF:
		return "off";
	case VGETRANDOM_NO_VDSO:
		return "no-vdso";
	case VGETRANDOM_NO_PARAMS:
		return "no-params";
	case VGETRANDOM_NO_MEMORY:
		return "no-memory";
	default:
		return "no-libc";
	}
}

static void compose(struct line *line, int pid)
{
	struct slots_totals totals = slots_totals();

	add_text(line, "{\"vgetrandom\":1,\"status\":\"");
	add_text(line, status_name());
	add_text(line, "\"");
	add_number(line, "pid", (uint64_t)pid);
	add_number(line, "calls", totals.calls);
	add_number(line, "bytes", totals.bytes);
	add_number(line, "fallbacks", epoch_page.epoch.fallbacks);
	add_number(line, "first_draws", epoch_page.epoch.first_draws);
	add_number(line, "threads", epoch_page.epoch.threads);
	add_number(line, "forks", all_slots.forks);
	add_text(line, "}\n");
}

/* A vfork child that exits is not the process whose memory it borrows. */
static bool is_borrowed(int pid)
{
	return epoch_word() && ID(epoch_word()) != pid;
}

bool report_wanted(void)
{
	return path[0] || descriptor >= 0;
}

void report_write(void)
{
	struct line line;
	int pid, fd = descriptor;

	if (!report_wanted())
		return;
	pid = sys_getpid();
	if (is_borrowed(pid) || __atomic_exchange_n(&epoch_page.epoch.reported, 1, __ATOMIC_RELAXED))
		return;
	line.length = 0;
	compose(&line, pid);
	if (path[0])
		fd = (int)sys_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return;
	sys_write(fd, line.text, line.length);
	if (path[0])
		sys_close(fd);
}

__attribute__((destructor)) static void unload(void)
{
	report_write();
}

/* exit() runs the destructor; a forked child often ends by _exit(), which runs nothing, and would leave no line. */
EXPORT _Noreturn void _exit(int status)
{
	report_write();
	sys_exit_group(status);
}

EXPORT _Noreturn void _Exit(int status) __attribute__((alias("_exit")));

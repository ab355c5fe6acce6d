/* SPDX-License-Identifier: MIT */
#include "destination.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "arch/arch.h"
#include "signals.h"

#define NAME "VGETRANDOM_REPORT="
#define NOWAIT 8	/* RWF_NOWAIT in linux/fs.h */

extern __attribute__((weak)) char **environ;
__attribute__((weak)) unsigned long getauxval(unsigned long type);

/* A file, whatever descriptors are open for it. */
struct identity {
	uint64_t inode;
	uint32_t major, minor;	/* of its device */
	uint32_t mode;
};

static char path[PATH_MAX];
static int descriptor = -1;
static struct identity original;	/* of the descriptor, at load */

/* What follows `prefix` in `text`; NULL when it does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
	while (*prefix && *text == *prefix) {
		text++;
		prefix++;
	}
	return *prefix ? NULL : text;
}

/* -1 when it is no number of a descriptor. */
static int parse_descriptor(const char *digits)
{
	int number = 0;

	if (!*digits)
		return -1;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9' || number > INT_MAX / 10 - 1)
			return -1;
		number = number * 10 + (*digits - '0');
	}
	return number;
}

/* Returns the end of `to`, or NULL when `text` does not fit before `limit`. */
static char *copy(char *to, const char *limit, const char *text)
{
	while (*text && to < limit)
		*to++ = *text++;
	return *text || to == limit ? NULL : to;
}

/* Programs change directory: a relative path is one from here. */
static void keep_path(const char *name)
{
	const char *limit = path + sizeof(path);
	char *end = path;

	if (*name != '/') {
		long length = raw_syscall(SYS_getcwd, (long)path, sizeof(path), 0, 0, 0, 0);

		if (length <= 0)
			return;
		end = copy(path + length - 1, limit, "/");
	}
	if (!end || !copy(end, limit, name))
		path[0] = 0;	/* longer than any path can be */
}

static bool identify(int fd, struct identity *file)
{
	struct statx status;

	if (raw_syscall(SYS_statx, fd, (long)"", AT_EMPTY_PATH, STATX_TYPE | STATX_INO, (long)&status, 0))
		return false;
	file->inode = status.stx_ino;
	file->major = status.stx_dev_major;
	file->minor = status.stx_dev_minor;
	file->mode = status.stx_mode & S_IFMT;
	return true;
}

void destination_init(void)
{
	const char *value = NULL, *digits;

	if (!&environ || !environ || !getauxval || getauxval(AT_SECURE))
		return;
	for (char **entry = environ; *entry && !value; entry++)
		value = after(*entry, NAME);
	if (!value || !*value)
		return;
	digits = after(value, "fd:");
	if (!digits) {
		keep_path(value);
		return;
	}
	descriptor = parse_descriptor(digits);
	if (descriptor >= 0 && !identify(descriptor, &original))
		descriptor = -1;
}

bool destination_is_known(void)
{
	return path[0] || descriptor >= 0;
}

/* For a file that can't be written to without waiting: a terminal; on kernels before Linux 4.6 and emulators, any. */
static void write_if_ready(int fd, const char *line, size_t length)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	const long at_once[2] = { 0 };

	if (raw_syscall(SYS_ppoll, (long)&ready, 1, (long)at_once, 0, 0, 0) == 1 && ready.revents & POLLOUT)
		raw_syscall(SYS_write, fd, (long)line, (long)length, 0, 0, 0);
}

static void write_at_once(int fd, mode_t mode, const char *line, size_t length)
{
	struct iovec vector = { .iov_base = (void *)(uintptr_t)line, .iov_len = length };
	struct signals before;
	long answer = 0;

	signals_hold(&before);
	if (mode == S_IFREG)
		raw_syscall(SYS_write, fd, (long)line, (long)length, 0, 0, 0);
	else if (mode == S_IFSOCK)
		raw_syscall(SYS_sendto, fd, (long)line, (long)length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	else
		answer = raw_syscall(SYS_pwritev2, fd, (long)&vector, 1, -1, -1, NOWAIT);
	if (answer == -EOPNOTSUPP || answer == -ENOSYS)
		write_if_ready(fd, line, length);
	signals_restore(&before);
}

void destination_write(const char *line, size_t length)
{
	struct identity now;
	long fd = descriptor;

	if (path[0]) {
		/* Without waiting: a FIFO that nobody reads is refused. */
		fd = raw_syscall(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0, 0, 0);
		if (fd < 0)
			return;
		if (identify((int)fd, &now))
			write_at_once((int)fd, (mode_t)now.mode, line, length);
		raw_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
	} else if (identify((int)fd, &now) && now.inode == original.inode && now.major == original.major &&
		   now.minor == original.minor && now.mode == original.mode) {
		write_at_once((int)fd, (mode_t)now.mode, line, length);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * A disk of the user's as the root of their program: the first file system on it, the whole disk or a partition, that has
 * the program. It is mounted for reading only, so that all clones can have it at once; /tmp, /run and /var/tmp are memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

#define MODULES		FOLDER "/modules/%d"	/* from 0 on, in the order in which they have to be loaded */
#define APPEAR_MS	2000	/* a disk is there so soon behind its driver */
#define LINE		256

static void load_modules(void)
{
	char path[LINE];

	for (int number = 0;; number++) {
		int file;

		snprintf(path, sizeof(path), MODULES, number);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return;
		if (syscall(SYS_finit_module, file, "", 0) && errno != EEXIST)
			trouble("kernel module %d is refused (%s); is it of this kernel?", number + 1, strerror(errno));
		close(file);
	}
}

/* In a process of its own, as a link in the file system may begin with a stroke. */
static bool has(const char *wanted)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(chroot(DISK) || access(wanted, X_OK));
	return waitpid(pid, &status, 0) == pid && !status;
}

/* A journal that was not closed can't be replayed on a disk that is only read: the second word of each leaves it alone. */
static bool mount_as(const char *device, const char *type)
{
	static const char *const ways[] = { "", "noload", "norecovery" };

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!mount(device, DISK, type, MS_RDONLY, ways[i]))
			return true;
	return false;
}

/* Try each file system that the kernel knows (/proc/filesystems). */
static bool mount_device(const char *device)
{
	FILE *types = fopen("/proc/filesystems", "re");
	char line[LINE], type[LINE];
	bool mounted = false;

	while (types && !mounted && fgets(line, sizeof(line), types))
		if (line[0] == '\t' && sscanf(line, "%255s", type) == 1)
			mounted = mount_as(device, type);
	if (types)
		fclose(types);
	return mounted;
}

/* Try each disk and partition (/proc/partitions): returns how many there are, negative when one has the program. */
static int look_through(const char *wanted, char *seen, size_t size)
{
	FILE *partitions = fopen("/proc/partitions", "re");
	char line[LINE], name[LINE], device[LINE + 8];
	int count = 0;

	while (partitions && fgets(line, sizeof(line), partitions)) {
		if (sscanf(line, "%*u %*u %*u %255s", name) != 1)
			continue;
		count++;
		snprintf(device, sizeof(device), "/dev/%s", name);
		if (!mount_device(device))
			continue;
		if (has(wanted))
			return -1;
		umount(DISK);
		snprintf(seen + strlen(seen), size - strlen(seen), " %s", name);
	}
	if (partitions)
		fclose(partitions);
	return count;
}

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char bytes[4096];
	ssize_t got;

	while ((got = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)got) != got)
			break;
	if (got || in < 0 || out < 0)
		trouble("%s can't be written: %s; does the disk have a folder /tmp?", to, strerror(errno));
	close(in);
	close(out);
}

void mount_disk(const char *wanted)
{
	char seen[LINE] = "";
	int count = 0;

	mkdir(DISK, 0755);
	load_modules();
	for (int ms = 0; ms < APPEAR_MS && !count; ms++) {
		count = look_through(wanted, seen, sizeof(seen));
		usleep(1000);
	}
	if (!count)
		trouble("the kernel sees no disk; it needs the driver virtio_blk, built in or by --module");
	else if (count > 0)
		trouble("%s is in no file system of the disk (mounted were:%s)", wanted, *seen ? seen : " none");
	mount("dev", DISK "/dev", "devtmpfs", 0, NULL);
	mount("tmp", DISK "/tmp", "tmpfs", 0, "mode=1777");
	mount("run", DISK "/run", "tmpfs", 0, "mode=755");
	mount("tmp", DISK "/var/tmp", "tmpfs", 0, "mode=1777");
	if (count < 0)
		copy(LIBRARY, DISK "/tmp" LIBRARY);
}

/* SPDX-License-Identifier: MIT */
/* What /proc/self says of this process's memory: how much there is, and which mappings the kernel may drop. */
#ifndef CONFORM_MEMORY_H
#define CONFORM_MEMORY_H

#include "tap.h"

#include <dirent.h>
#include <fcntl.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

struct mapping {
	uintptr_t start, end;
	char rights[8];			/* as in /proc/self/maps: rwxp */
	char flags[160];		/* VmFlags of /proc/self/smaps, each preceded by a space */
};

static inline bool mapping_has(const struct mapping *mapping, const char *flag)
{
	char word[8];

	snprintf(word, sizeof(word), " %s", flag);
	return strstr(mapping->flags, word) != NULL;
}

/* All mappings of a process ("self" or a pid) with the flag ("dp": droppable; NULL: any); returns how many. */
static inline unsigned int mappings_find(const char *process, const char *flag, struct mapping *found, unsigned int max)
{
	struct mapping now = { 0 };
	char path[64], line[512];
	unsigned int count = 0;
	unsigned long long start, end;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%s/smaps", process);
	smaps = fopen(path, "re");
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%llx-%llx %7s", &start, &end, now.rights) == 3) {
			now.start = start;
			now.end = end;
		} else if (!strncmp(line, "VmFlags:", 8)) {
			snprintf(now.flags, sizeof(now.flags), "%.150s", line + 8);
			if ((!flag || mapping_has(&now, flag)) && count < max)
				found[count++] = now;
		}
	}
	if (smaps)
		fclose(smaps);
	return count;
}

/* Give all droppable pages of this process back: they turn to zeros at once. Returns of how many mappings. */
static inline unsigned int memory_drop(void)
{
	struct mapping found[64];
	unsigned int count = mappings_find("self", "dp", found, 64), dropped = 0;

	for (unsigned int i = 0; i < count; i++)
		dropped += !madvise((void *)found[i].start, found[i].end - found[i].start, MADV_PAGEOUT);
	return dropped;
}

/* How many pages of a mapping of this process are in memory; -1 when the kernel does not say. */
static inline long mapping_present(const struct mapping *mapping)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uintptr_t at;
	long count = 0;

	for (at = mapping->start; at < mapping->end; at += page) {
		uint64_t entry;

		if (pread(pagemap, &entry, sizeof(entry), at / page * sizeof(entry)) != sizeof(entry)) {
			count = -1;
			break;
		}
		count += entry >> 63;
	}
	if (pagemap >= 0)
		close(pagemap);
	return count;
}

/* A number in a /proc file after a name ("VmSize:"), or -1. */
static inline long proc_number(const char *path, const char *name)
{
	char line[256];
	long value = -1;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			value = strtol(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return value;
}

/* How many entries a folder has (/proc/self/fd, /proc/self/task). */
static inline unsigned int folder_entries(const char *path)
{
	unsigned int count = 0;
	DIR *folder = opendir(path);

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

/* What must not grow without end. */
struct usage {
	long kilobytes;			/* address space */
	long resident;			/* kilobytes */
	unsigned int mappings, files;
};

static inline struct usage usage_now(void)
{
	struct usage usage = { 0 };
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps))
		usage.mappings++;
	if (maps)
		fclose(maps);
	usage.kilobytes = proc_number("/proc/self/status", "VmSize:");
	usage.resident = proc_number("/proc/self/status", "VmRSS:");
	usage.files = folder_entries("/proc/self/fd");
	return usage;
}

/* Test points: what is in use now is not more than what was, but for a margin. */
static inline void usage_bounded(const struct usage *before, const char *what)
{
	struct usage now = usage_now();

	check(now.mappings <= before->mappings + 16, "%s: %u mappings, not many more than %u", what, now.mappings,
	      before->mappings);
	check(now.files <= before->files, "%s: %u open files, not more than %u", what, now.files, before->files);
	check(now.kilobytes <= before->kilobytes + 4096, "%s: %ld kB of address space, not much more than %ld", what,
	      now.kilobytes, before->kilobytes);
	check(now.resident <= before->resident + 4096, "%s: %ld kB in memory, not much more than %ld", what, now.resident,
	      before->resident);
}

#endif

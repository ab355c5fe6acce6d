/* SPDX-License-Identifier: MIT */
/*
 * A forked child draws: the first thread of its parent writes nothing into the table of slots, which the two share
 * until one of them does. A page of it would have to be copied.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <sys/wait.h>

/* KiB of the mapping that holds the table which are this process's alone; -1: not found. */
static long table_private(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long begin, end;
	bool here = false;
	long size = -1;

	while (maps && size < 0 && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = record->slot >= begin && record->slot < end;
		else if (here)
			sscanf(line, "Private_Dirty: %ld kB", &size);
	}
	if (maps)
		fclose(maps);
	return size;
}

static int child(void)
{
	unsigned char bytes[16];
	long before = table_private(), after;

	draw(bytes, sizeof(bytes));
	after = table_private();
	printf("# %ld KiB of the table's mapping were the child's alone before its draw, %ld after it\n", before, after);
	fflush(stdout);
	return before < 0 || after != before || calls_served() != 1;
}

int main(void)
{
	unsigned char bytes[16];
	int status = -1;
	pid_t pid;

	case_begin("a child's first draw copies no page of the table of slots", 60);
	libc_needs(getrandom);
	record_find();
	for (int i = 0; i < 3; i++)
		draw(bytes, sizeof(bytes));
	pid = fork();
	if (!pid)
		_exit(child());
	waitpid(pid, &status, 0);
	check(!status, "a child draws from the vDSO, and shares the table of slots with its parent all the same");
	return case_end();
}

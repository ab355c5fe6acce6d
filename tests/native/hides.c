/* SPDX-License-Identifier: MIT */
/*
 * hides FOLDER COMMAND...: runs the command, which may not read files in FOLDER, an absolute path. The rest of the file
 * system is as it was: landlock(7) takes lists of what is allowed, so everything beside the path to FOLDER is allowed.
 * Exit status 77 where there is no Landlock.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ruleset;

static void allow(const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW),
	};

	/* Refused for what is no file of a file system: that stays forbidden. */
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

static void allow_all_but(const char *folder, const char *name, size_t length)
{
	char path[4096];
	struct dirent *entry;
	DIR *entries = opendir(folder);

	while (entries && (entry = readdir(entries))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    (strlen(entry->d_name) == length && !strncmp(entry->d_name, name, length)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		allow(path);
	}
	if (entries)
		closedir(entries);
}

int main(int argc, char *argv[])
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE };
	char folder[4096] = "";

	if (argc < 3)
		return 2;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return 77;
	for (const char *name = argv[1]; *name; name += strcspn(name, "/")) {
		name += strspn(name, "/");
		allow_all_but(*folder ? folder : "/", name, strcspn(name, "/"));
		snprintf(folder, sizeof(folder), "%.*s", (int)(name - argv[1] + strcspn(name, "/")), argv[1]);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, ruleset, 0))
		return 77;
	execvp(argv[2], argv + 2);
	return 127;
}

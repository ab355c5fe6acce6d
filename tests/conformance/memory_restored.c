/* SPDX-License-Identifier: MIT */
/*
 * A process that CRIU dumped in the midst of its draws and restored twice, and that forks after that, repeats
 * nothing: neither do the two restored processes draw the same, nor parent and child in one of them.
 *
 * Source: nobody promises it; criu(8) restores memory as it was. CRIU before 4.2 restores droppable memory as
 * ordinary
 * memory, which no fork wipes any more
 * Kind: quality
 */
#include "tap.h"
#include "libc.h"

#include <fcntl.h>
#include <sys/stat.h>

#define WARM		4	/* draws before the dump */
#define EACH		6	/* of parent and of child, after it and after a fork */
#define SIZE		16	/* bytes */
#define PATIENCE	40	/* seconds for each of the stage's steps */

/* What the stage appends to its file. */
struct record {
	char who;		/* w: before the dump; p, c: parent and child after it; e: the end */
	unsigned char bytes[SIZE];
};

struct family {
	struct record parent[EACH], child[EACH];
};

static void record(int file, char who)
{
	struct record one = { .who = who };

	if (libc.getrandom(one.bytes, SIZE, 0) != SIZE || write(file, &one, sizeof(one)) != sizeof(one))
		_exit(1);
}

/* The program that is dumped: draws, waits for the file "go", forks, draws on. */
static int stage(void)
{
	int file = open("records", O_WRONLY | O_CREAT | O_APPEND, 0600), status = 0, i;
	pid_t child;

	libc_find();
	for (i = 0; i < WARM; i++)
		record(file, 'w');
	for (i = 0; access("go", F_OK); i++) {
		if (i == PATIENCE * 100)
			return 1;
		usleep(10000);
	}
	child = fork();
	for (i = 0; !child && i < EACH; i++)
		record(file, 'c');
	if (!child)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return 1;
	for (i = 0; i < EACH; i++)
		record(file, 'p');
	record(file, 'e');
	return 0;
}

static pid_t start_stage(void)
{
	char *const again[] = { program_invocation_name, (char *)"stage", NULL };
	pid_t child = fork();

	if (!child) {
		int nothing = open("/dev/null", O_RDWR);

		setsid();	/* CRIU dumps whole sessions */
		for (int i = 0; i < 3; i++)
			dup2(nothing, i);
		close(nothing);
		case_execv(program_invocation_name, again);
		_exit(127);
	}
	return child;
}

/* Run CRIU, which is not part of the target, with its output in a file. Returns whether it succeeded. */
static bool criu(const char *output, char *const argv[])
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		int file = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(file, STDOUT_FILENO);
		dup2(file, STDERR_FILENO);
		unsetenv("LD_PRELOAD");
		execvp(argv[0], argv);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* The last line of a file that begins with `what`, without it; "" when there is none. */
static const char *line_of(const char *path, const char *what)
{
	static char line[400], found[400];
	FILE *file = fopen(path, "r");

	found[0] = '\0';
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, what, strlen(what)))
			snprintf(found, sizeof(found), "%s", line + strlen(what));
	if (file)
		fclose(file);
	found[strcspn(found, "\n")] = '\0';
	return found;
}

static bool is_droppable(pid_t process)
{
	char path[40], line[400];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", process);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		found |= !strncmp(line, "VmFlags:", 8) && strstr(line, " dp") != NULL;
	if (file)
		fclose(file);
	return found;
}

/* Wait until the file has so many records. */
static bool await(int file, size_t records)
{
	struct stat status;

	for (int i = 0; i < PATIENCE * 100; i++) {
		if (!fstat(file, &status) && (size_t)status.st_size >= records * sizeof(struct record))
			return true;
		usleep(10000);
	}
	return false;
}

static unsigned int count_same(const struct record *one, const struct record *two, unsigned int count)
{
	unsigned int same = 0;

	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < count; j++)
			same += !memcmp(one[i].bytes, two[j].bytes, SIZE);
	return same;
}

/* Restore, let it fork and draw, and take what it drew. */
static bool restore(char *command, pid_t process, int file, struct family *family, bool *droppable)
{
	char *const argv[] = { command, (char *)"restore", (char *)"-d", (char *)"-D", (char *)"images", (char *)"-o",
			       (char *)"restore.log", NULL };
	struct record all[WARM + 2 * EACH + 1];
	int go;

	unlink("go");
	if (ftruncate(file, WARM * sizeof(struct record)) || !criu("said", argv))
		return false;
	*droppable = is_droppable(process);
	go = open("go", O_WRONLY | O_CREAT, 0600);
	close(go);
	if (!expect(await(file, WARM + 2 * EACH + 1), "the restored process comes to its end"))
		return false;
	if (!expect(pread(file, all, sizeof(all), 0) == sizeof(all), "its draws can be read"))
		return false;
	memcpy(family->child, all + WARM, sizeof(family->child));
	memcpy(family->parent, all + WARM + EACH, sizeof(family->parent));
	for (int i = 0; i < 500 && !kill(process, 0); i++)
		usleep(10000);	/* its number has to be free for the next */
	return true;
}

int main(int argc, char **argv)
{
	char *command = getenv("CONFORM_CRIU") ? getenv("CONFORM_CRIU") : (char *)"criu";
	char *const version[] = { command, (char *)"--version", NULL };
	struct family twin[2] = { 0 };
	bool before, after = false;
	char name[32], number[16];
	unsigned int twins, children;
	pid_t process;
	int file;

	if (argc > 1 && !strcmp(argv[1], "stage"))
		return stage();
	case_begin("what CRIU restores repeats nothing", 150);
	libc_needs(getrandom);
	if (geteuid() != 0)
		skip_all("only root can dump and restore processes");
	if (!criu("version", version))
		skip_all("%s does not run; CONFORM_CRIU names another CRIU", command);
	snprintf(name, sizeof(name), "CRIU %s", line_of("version", "Version: "));
	process = start_stage();
	file = open("records", O_RDWR | O_CREAT, 0600);
	if (mkdir("images", 0700) || !await(file, WARM))
		skip_all("the process that is to be dumped does not start");
	before = is_droppable(process);
	snprintf(number, sizeof(number), "%d", process);
	char *const dump[] = { command, (char *)"dump", (char *)"-t", number, (char *)"-D", (char *)"images", (char *)"-o",
			       (char *)"dump.log", NULL };
	if (!criu("said", dump)) {
		kill(process, SIGKILL);
		skip_all("%s can't dump this process here: %s", name, line_of("images/dump.log", "("));
	}
	waitpid(process, NULL, 0);
	for (int i = 0; i < 2; i++)
		if (!restore(command, process, file, &twin[i], &after)) {
			kill(process, SIGKILL);
			if (!tap->points)
				skip_all("%s can't restore here: %s", name, line_of("images/restore.log", "("));
			return case_end();
		}
	twins = count_same(twin[0].parent, twin[1].parent, EACH) + count_same(twin[0].child, twin[1].child, EACH);
	children = count_same(twin[0].parent, twin[0].child, EACH) + count_same(twin[1].parent, twin[1].child, EACH);
	fact("criu", "%s", name + 5);
	fact("droppable", "%s before, %s after", before ? "yes" : "no", after ? "yes" : "no");
	check(!twins && !children, "%s: %u of %d draws are the same in two restored processes, %u in parent and child%s",
	      name, twins, 2 * EACH, children, before && !after ? "; it restored droppable memory as ordinary memory" : "");
	return case_end();
}

/* SPDX-License-Identifier: MIT */
/*
 * The first program of a guest that is going to be cloned: starts the contenders of a plan (plan.h), says "vg: ready"
 * on the console when all have drawn for a while, and waits for one byte there. The host sends it to the machine
 * that it has stopped for the snapshot: whoever reads it runs after the snapshot. "vg: done" then says that all have drawn enough;
 * what they drew lies in memory (record.h).
 *
 * Contenders are children of this process: libbsd seeds itself anew at every call in process 1, whose pid it takes for a fork.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "plan.h"

#define TICK_MS		1	/* how often we look, in milliseconds */
#define WARM_MS		120000	/* so long for all to be warm, of the guest's clock */
#define END_MS		1000	/* a program that has closed its output has so long to end */
#define TURN_MS		8	/* so long for each contender: all have turns then, and lose the processor anywhere */

struct control *control;
struct contender contenders[MOST];
size_t contender_count;

static char plan[65536];
static unsigned long limit_ms;
static bool idle, disk;

void trouble(const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	dprintf(2, "\nvg: trouble %s\n", line);	/* a contender's standard output is a pipe */
}

void set_policy(int policy, int priority)
{
	if (syscall(SYS_sched_setscheduler, 0, policy, &(struct sched_param){ .sched_priority = priority }))
		trouble("no scheduling policy %d: %s", policy, strerror(errno));
}

static void set_console(void)
{
	struct termios settings;
	int console = open("/dev/console", O_RDWR | O_NOCTTY);

	for (int fd = 0; fd <= 2 && console >= 0; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
	if (!tcgetattr(0, &settings)) {
		cfmakeraw(&settings);
		tcsetattr(0, TCSANOW, &settings);
	}
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

static void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file >= 0 && write(file, text, strlen(text)) < 0)
		trouble("%s: %s", path, strerror(errno));
	close(file);
}

static void set_up(void)
{
	struct utsname name;
	int file;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	set_console();
	write_file("/proc/sys/kernel/printk", "1");	/* only a panic interrupts our lines */
	uname(&name);
	printf("vg: begin %s %s\n", name.release, name.machine);
	file = open(FOLDER "/control", O_RDWR | O_CREAT, 0600);
	if (file < 0 || ftruncate(file, 4096) || (file != CONTROL && dup2(file, CONTROL) < 0))
		trouble("no memory to share: %s", strerror(errno));
	control = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, CONTROL, 0);
}

/* The next string of the plan, and the place behind it. */
static char *next(char **at)
{
	char *word = *at;

	*at += strlen(word) + 1;
	return word;
}

static void read_words(char **at, char **words)
{
	size_t count = 0;

	for (char *word = next(at); *word; word = next(at))
		if (count < MOST_WORDS - 1)
			words[count++] = word;
}

static void read_plan(void)
{
	int file = open(FOLDER "/plan", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(file, plan, sizeof(plan) - 1);
	char *at = plan;

	close(file);
	control->draws = (uint32_t)strtoul(next(&at), NULL, 10);
	control->lines = (uint32_t)strtoul(next(&at), NULL, 10);
	limit_ms = strtoul(next(&at), NULL, 10);
	idle = *next(&at);
	disk = *next(&at);
	while (at < plan + size && contender_count < MOST) {
		struct contender *contender = &contenders[contender_count];

		contender->number = contender_count++;
		contender->name = next(&at);
		contender->lines = !strcmp(next(&at), "lines");
		contender->root = next(&at);
		read_words(&at, contender->environment);
		read_words(&at, contender->words);
		for (char **word = contender->words; *word; word++)
			control->to_stop += !contender->lines && !strcmp(*word, "stop");
	}
	control->contenders = (uint32_t)contender_count;
}

pid_t start(const struct contender *contender, int output)
{
	char proc[256];
	pid_t pid = fork();

	if (pid)
		return pid;
	if (output >= 0)
		dup2(output, 1);
	if (idle)	/* the kernel's own work then never waits for a contender */
		set_policy(SCHED_IDLE, 0);
	snprintf(proc, sizeof(proc), "%s/proc", contender->root);
	if (strcmp(contender->root, "/"))
		mount("proc", proc, "proc", 0, NULL);
	if (chroot(contender->root) || chdir("/"))
		_exit(119);
	execve(contender->words[0], contender->words, contender->environment);
	trouble("%s: %s can't be run: %s", contender->name, contender->words[0], strerror(errno));
	_exit(127);
}

static void sleep_for(unsigned long milliseconds)
{
	struct timespec time = { (time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static const char *name_of(pid_t pid)
{
	for (size_t i = 0; i < contender_count; i++)
		if (contenders[i].pid == pid)
			return contenders[i].name;
	return NULL;
}

void say_ended(pid_t pid)
{
	int status, patience = pid > 0 ? END_MS : 0;
	pid_t ended;
	const char *name;

	while (!(ended = waitpid(pid, &status, WNOHANG)) && patience-- > 0)
		sleep_for(1);
	name = name_of(ended > 0 ? ended : pid);
	if (ended > 0 && name && WIFSIGNALED(status))
		trouble("%s was ended by signal %d (%s)", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (ended > 0 && name)
		trouble("%s ended with exit status %d, and has to go on drawing", name, WEXITSTATUS(status));
	else if (pid > 0 && name)
		trouble("%s has closed its output", name);
}

/* The first that has not drawn often enough, and what it lacks. */
static void say_who_is_late(void)
{
	for (size_t i = 0; i < contender_count; i++)
		if (control->drawn[i] < WARM && contenders[i].lines) {
			trouble("%s printed %u lines in %d s of the guest's clock, and has to print %d before the snapshot; "
				"does it flush each?", contenders[i].name, control->drawn[i], WARM_MS / 1000, WARM);
			return;
		}
	trouble("contenders have not drawn %d times in %d s of the guest's clock", WARM, WARM_MS / 1000);
}

/* Wait until `word` is `count`. */
static void wait_for(_Atomic uint32_t *word, uint32_t count)
{
	uint64_t end = nanoseconds() + WARM_MS * 1000000ull;

	while (*word < count) {
		sleep_for(TICK_MS);
		say_ended(-1);
		if (nanoseconds() > end) {
			say_who_is_late();
			pause();
		}
	}
}

static void wait_until_drawn(void)
{
	uint64_t end = nanoseconds() + limit_ms * 1000000;

	while (control->finished < control->contenders && nanoseconds() < end) {
		sleep_for(TICK_MS);
		say_ended(-1);
	}
	control->over = 1;
}

static const char *program_of_disk(void)
{
	for (size_t i = 0; i < contender_count; i++)
		if (!strcmp(contenders[i].root, DISK))
			return contenders[i].words[0];
	return "/";
}

int main(void)
{
	char byte;

	set_up();
	read_plan();
	if (disk)
		mount_disk(program_of_disk());
	for (size_t i = 0; i < contender_count; i++)
		if (!contenders[i].lines)
			contenders[i].pid = start(&contenders[i], -1);
	if (!fork())
		watch();
	wait_for(&control->warm, control->contenders);
	wait_for(&control->stopped, control->to_stop);
	sleep_for(TURN_MS * contender_count);
	printf("vg: ready\n");
	while (read(0, &byte, 1) != 1)
		;
	control->resumed_at = nanoseconds();
	control->resumed = 1;
	wait_until_drawn();
	printf("vg: done\n");
	for (;;)
		pause();
}

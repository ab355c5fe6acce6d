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
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "plan.h"

#define TICK_MS		1	/* how often we look, in milliseconds */
#define TURN_MS		20	/* so long for each contender: all have turns then, and lose the processor anywhere */

struct control *control;
struct contender contenders[MOST];
size_t contender_count;

static char plan[65536];
static unsigned long limit_ms;
static bool idle;

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
		printf("vg: trouble %s: %s\n", path, strerror(errno));
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
		printf("vg: trouble no memory to share: %s\n", strerror(errno));
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
	while (at < plan + size && contender_count < MOST) {
		struct contender *contender = &contenders[contender_count];

		contender->number = contender_count++;
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
		sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 });
	snprintf(proc, sizeof(proc), "%s/proc", contender->root);
	if (strcmp(contender->root, "/"))
		mount("proc", proc, "proc", 0, NULL);
	if (chroot(contender->root) || chdir("/"))
		_exit(119);
	execve(contender->words[0], contender->words, contender->environment);
	dprintf(2, "vg: trouble contender %d: %s: %s\n", (int)contender->number, contender->words[0], strerror(errno));
	_exit(127);
}

static void sleep_for(unsigned long milliseconds)
{
	struct timespec time = { (time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

/* None of our children is to end: who does could not draw, and said why. */
static void look_for_dead(void)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG);

	for (size_t i = 0; i < contender_count && pid > 0; i++)
		if (contenders[i].pid == pid)
			printf("vg: trouble contender %zu ended\n", i);
}

/* Wait until `word` is `count`. The host loses its patience, we don't. */
static void wait_for(_Atomic uint32_t *word, uint32_t count)
{
	while (*word < count) {
		sleep_for(TICK_MS);
		look_for_dead();
	}
}

static void wait_until_drawn(void)
{
	uint64_t end = nanoseconds() + limit_ms * 1000000;

	while (control->finished < control->contenders && nanoseconds() < end)
		sleep_for(TICK_MS);
	control->over = 1;
}

int main(void)
{
	char byte;

	set_up();
	read_plan();
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
	control->resumed = 1;
	wait_until_drawn();
	printf("vg: done\n");
	for (;;)
		pause();
}

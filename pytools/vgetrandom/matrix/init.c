/* SPDX-License-Identifier: MIT */
/*
 * The first program of a guest: runs what /plan says, one after another, tells the console, and ends the guest.
 * It is linked statically, so that it owes nothing to the libc and the library that are asked.
 *
 *	/plan			env NAME=VALUE			for every program that follows
 *				run NAME [NAME=VALUE]...	/cases/NAME/NAME, with more environment
 *	on the console		vg: EVENT WORDS...		begin, run, end, done, trouble
 *				vg> TEXT, vg! TEXT		a line of a program's standard output, standard error
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT "/run/output"
#define ERRORS "/run/errors"

/* A file system that this kernel does not have is no trouble: the cases that need it say so. */
static void mount_at(const char *type, const char *folder, const char *options)
{
	mkdir(folder, 0755);
	if (mount(type, folder, type, 0, options) && errno != EBUSY && errno != ENODEV)
		printf("vg: trouble no %s on %s: %s\n", type, folder, strerror(errno));
}

static void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		printf("vg: trouble %s: %s\n", path, strerror(errno));
	close(file);
}

/* Lines as they are: a terminal would turn each newline into two characters. */
static void set_console(void)
{
	struct termios settings;
	int console = open("/dev/console", O_RDWR | O_NOCTTY);

	if (console >= 0)
		for (int fd = 0; fd <= 2; fd++)
			dup2(console, fd);
	if (console > 2)
		close(console);
	if (!tcgetattr(1, &settings)) {
		settings.c_oflag &= ~OPOST;
		tcsetattr(1, TCSANOW, &settings);
	}
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

static void set_up(void)
{
	struct utsname name;
	char byte;

	umask(0);
	mount_at("devtmpfs", "/dev", "mode=755");
	set_console();
	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("tmpfs", "/run", "mode=755");
	mount_at("tmpfs", "/tmp", "mode=1777");
	mount_at("tmpfs", "/dev/shm", "mode=1777");
	mount_at("devpts", "/dev/pts", "ptmxmode=666");
	mount_at("cgroup2", "/sys/fs/cgroup", NULL);
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	write_file("/proc/sys/kernel/printk", "1");	/* from here on only a panic interrupts our lines */
	umask(022);
	setsid();
	uname(&name);
	printf("vg: begin %s %s\n", name.release, name.machine);
	if (getrandom(&byte, 1, 0) != 1)		/* waits until the kernel's generator is seeded */
		printf("vg: trouble getrandom: %s\n", strerror(errno));
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void print_file(const char *path, const char *prefix)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	while (file && (length = getline(&line, &room, file)) > 0)
		printf("%s%.*s\n", prefix, (int)(line[length - 1] == '\n' ? length - 1 : length), line);
	free(line);
	if (file)
		fclose(file);
}

static void child_redirect(const char *path, int fd)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

	if (file < 0 || dup2(file, fd) < 0)
		_exit(125);
	close(file);
}

static void child_run(const char *name, char *variables)
{
	char path[256], folder[256];
	char *const argv[] = { path, NULL };
	int null = open("/dev/null", O_RDONLY);

	snprintf(path, sizeof(path), "/cases/%s/%s", name, name);
	snprintf(folder, sizeof(folder), "/tmp/%s", name);
	setsid();
	dup2(null, 0);
	close(null);
	child_redirect(OUTPUT, 1);
	child_redirect(ERRORS, 2);
	for (char *word = strtok(variables, " "); word; word = strtok(NULL, " "))
		putenv(word);
	if (mkdir(folder, 0700) || chdir(folder))
		_exit(124);
	execv(path, argv);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* Wait for one child; what others left behind comes here too, and goes. Returns the status as Python's subprocess. */
static int wait_for(pid_t child)
{
	int status;
	pid_t got;

	do
		got = waitpid(-1, &status, 0);
	while (got != child && (got > 0 || errno == EINTR));
	if (got != child)
		return 123;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void run(char *words)
{
	char *name = strsep(&words, " ");
	long long began;
	pid_t child;
	int status;

	printf("vg: run %s\n", name);
	fflush(stdout);
	began = milliseconds();
	child = fork();
	if (!child)
		child_run(name, words);
	status = wait_for(child);
	began = milliseconds() - began;
	kill(-1, SIGKILL);			/* everybody but this process */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	print_file(OUTPUT, "vg> ");
	print_file(ERRORS, "vg! ");
	printf("vg: end %s %d %lld\n", name, status, began);
}

int main(void)
{
	static char line[4096];
	FILE *plan;

	set_up();
	plan = fopen("/plan", "re");
	while (plan && fgets(line, sizeof(line), plan)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "env ", 4))
			putenv(strdup(line + 4));
		else if (!strncmp(line, "run ", 4))
			run(line + 4);
	}
	printf("vg: done\n");
	fflush(stdout);
	tcdrain(1);
	reboot(RB_POWER_OFF);
	return 0;
}

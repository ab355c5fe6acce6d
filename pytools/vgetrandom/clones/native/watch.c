/* SPDX-License-Identifier: MIT */
/*
 * Records each line that a program prints, and each of the kernel's messages about its generator, when it comes. With the highest
 * priority: on one processor a line is then taken in before the program goes on, and none waits in a pipe.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan.h"

#define MOST_LINE	4096
#define KERNEL		0xffff	/* the contender's number of the kernel's messages */
#define KERNEL_RECORDS	256
#define LEAST_NS	50000000	/* who prints fast goes on for so long: the kernel is to know by then */
#define WAIT_MS		5	/* how often we look whether all are warm, and so may go on */

struct source {
	int fd;
	struct ring ring;
	uint64_t number, after, before;	/* `before`: when the last line came, nanoseconds */
	bool finished;
	char line[MOST_LINE];
	size_t used;
};

static struct source sources[MOST];
static struct pollfd polled[MOST + 1];
static struct ring kernel_ring;
static uint64_t kernel_number;

/* A longer line is recorded as a digest: FNV-1a with 64 bits, forwards and backwards, in hexadecimal. */
static size_t value_of(const char *line, size_t size, char *value)
{
	uint64_t one = 0xcbf29ce484222325, two = 0x84222325cbf29ce4;

	if (size <= VALUE) {
		memcpy(value, line, size);
		return size;
	}
	for (size_t i = 0; i < size; i++) {
		one = (one ^ (unsigned char)line[i]) * 0x100000001b3;
		two = (two ^ (unsigned char)line[size - 1 - i]) * 0x100000001b3;
	}
	return (size_t)snprintf(value, VALUE, "digest %016llx%016llx", (unsigned long long)one, (unsigned long long)two);
}

static void take_line(struct source *source, const char *line, size_t size)
{
	char value[VALUE];

	record(&source->ring, ++source->number, source->before, value, value_of(line, size, value));
	source->before = nanoseconds();
	if (source->number <= WARM)
		control->drawn[source - sources]++;
	if (source->number == WARM)
		control->warm++;
	if (!control->resumed || source->finished)
		return;
	source->finished = ++source->after >= control->lines && source->before > control->resumed_at + LEAST_NS;
	control->finished += source->finished;
}

/* Returns false at the end: the program is gone, or has printed enough and waits for ever. */
static bool take_lines(struct source *source)
{
	ssize_t got = read(source->fd, source->line + source->used, MOST_LINE - source->used);
	char *line = source->line, *end;

	if (got <= 0) {
		say_ended(contenders[source - sources].pid);
		return false;
	}
	source->used += (size_t)got;
	while ((end = memchr(line, '\n', source->used))) {
		take_line(source, line, (size_t)(end - line));
		source->used -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	memmove(source->line, line, source->used);
	if (source->used == MOST_LINE)
		source->used = 0;
	return !source->finished;
}

/* "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT" (Documentation/ABI/testing/dev-kmsg in Linux). Returns the text, or NULL. */
static char *next_message(int kmsg, char *message, uint64_t *at)
{
	ssize_t size = read(kmsg, message, MOST_LINE - 1);
	unsigned long long microseconds;
	char *text;

	if (size <= 0)
		return NULL;
	message[size] = '\0';
	text = strchr(message, ';');
	if (!text || sscanf(message, "%*u,%*u,%llu", &microseconds) != 1)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	*at = microseconds * 1000;
	return text + 1;
}

/*
 * How many nanoseconds CLOCK_MONOTONIC is ahead of the clock of the kernel's messages, told by a message of our own. The two also
 * run at different rates, so this holds for now. The clock is read behind the message: a time made with it is late
 * by some microseconds, and never early by more than one.
 */
static uint64_t clock_ahead(void)
{
	static const char own[] = "vgetrandom: what time is it?\n";	/* without its end, it can't be read before the next */
	int kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char message[MOST_LINE], *text;
	uint64_t after, at, ahead = 0;

	lseek(kmsg, 0, SEEK_END);
	if (write(kmsg, own, sizeof(own) - 1) < 0)
		trouble("no message can be written to /dev/kmsg: %s", strerror(errno));
	after = nanoseconds();
	while ((text = next_message(kmsg, message, &at)))
		if (!strncmp(text, own, sizeof(own) - 2))
			ahead = after - at;
	close(kmsg);
	return ahead;
}

static void take_messages(int kmsg)
{
	static const char prefix[] = "random: ";
	char message[MOST_LINE], *text;
	uint64_t at;

	while ((text = next_message(kmsg, message, &at)))
		if (!strncmp(text, prefix, sizeof(prefix) - 1)) {
			text += sizeof(prefix) - 1;
			record(&kernel_ring, ++kernel_number, at + clock_ahead(), text, strlen(text));
		}
}

static void start_source(size_t i)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC)) {
		trouble("no pipe for %s: %s", contenders[i].name, strerror(errno));
		return;
	}
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	contenders[i].pid = start(&contenders[i], ends[1]);
	close(ends[1]);
	sources[i].fd = ends[0];
	sources[i].ring = make_ring(contenders[i].number, control->lines + UNTOLD);
}

/*
 * One program after the other, each when the one before it is warm: who uses the same files, such as modules that Python has to
 * compile, finds them done. Returns the next that is to be started.
 */
static size_t start_next(size_t next)
{
	static size_t last;

	for (bool first = !next; next < contender_count; next++) {
		if (!contenders[next].lines)
			continue;
		if (!first && sources[last].fd >= 0 && sources[last].number < WARM)
			break;
		start_source(last = next);
		first = false;
	}
	return next;
}

/* A program that is warm waits for the others: its pipe, made small, is full soon. */
static void choose_sources(void)
{
	for (size_t i = 0; i < contender_count; i++) {
		bool wanted = sources[i].number < WARM || all_are_warm(control);

		polled[i] = (struct pollfd){ wanted ? sources[i].fd : -1, POLLIN, 0 };
	}
}

_Noreturn void watch(void)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t next = 0;

	for (size_t i = 0; i < contender_count; i++)
		sources[i].fd = -1;
	kernel_ring = make_ring(KERNEL, KERNEL_RECORDS);
	set_policy(SCHED_FIFO | SCHED_RESET_ON_FORK, 1);
	for (;;) {
		next = start_next(next);
		choose_sources();
		polled[contender_count] = (struct pollfd){ kmsg, POLLIN, 0 };
		poll(polled, contender_count + 1, WAIT_MS);
		if (polled[contender_count].revents)
			take_messages(kmsg);
		for (size_t i = 0; i < contender_count; i++)
			if (polled[i].revents && !take_lines(&sources[i]))
				sources[i].fd = -1;
	}
}

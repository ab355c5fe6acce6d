/* SPDX-License-Identifier: MIT */
/*
 * A benchmark worker: one contender in one process, which does a short turn of work for each line that it reads.
 * So contenders that can't share a process (other libcs) take turns on one CPU within milliseconds of each other.
 *
 * It first prints one line, "ready VERSION" or "absent REASON", and one line with the names of its functions.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measures.h"
#include "references.h"
#include "worker.h"

#define MOST_ARGUMENTS 4

static cpu_set_t allowed;

/* Pin the process to CPU `number`, or with -1 let it run where it could at the start. */
static void pin(const struct request *request)
{
	cpu_set_t set = allowed;

	if (request->number >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)request->number, &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set))
		give_up("can't choose the CPU");
}

/* The words after a request's name. Those that are left out stay 0. */
enum argument { NONE, FUNCTION, SIZE, NUMBER, THREADS, NS, PROGRAM, PRELOAD };

static const struct {
	const char *name;
	enum argument arguments[MOST_ARGUMENTS];
	measures *obey;
} requests[] = {
	{"turn", {FUNCTION, SIZE, NUMBER}, measure_turn},
	{"timer", {NONE}, measure_timer},
	{"threads", {FUNCTION, SIZE, THREADS, NS}, measure_threads},
	{"life", {FUNCTION, SIZE, NUMBER, THREADS}, measure_thread_life},
	{"fork", {FUNCTION, SIZE, NUMBER, THREADS}, measure_fork},
	{"start", {PROGRAM, PRELOAD}, measure_start},
	{"memory", {FUNCTION, SIZE}, measure_memory},
	{"thread_memory", {FUNCTION, SIZE, THREADS}, measure_thread_memory},
	{"tail", {FUNCTION, SIZE, NUMBER, THREADS}, measure_tail},
	{"reseed", {FUNCTION, SIZE, NUMBER}, measure_reseed},
	{"calls", {FUNCTION, SIZE}, measure_calls},
	{"steps", {FUNCTION, SIZE, NUMBER}, measure_steps},
	{"pin", {NUMBER}, pin},
};

#define REQUESTS (sizeof(requests) / sizeof(*requests))

static void take(struct request *request, enum argument what, const char *word)
{
	switch (what) {
	case NONE:
		break;
	case FUNCTION:
		request->function = offered_as(word);
		break;
	case SIZE:
		request->size = strtoul(word, NULL, 10);
		break;
	case NUMBER:
		request->number = strtol(word, NULL, 10);
		break;
	case THREADS:
		request->threads = strtol(word, NULL, 10);
		break;
	case NS:
		request->ns = strtoll(word, NULL, 10);
		break;
	case PROGRAM:
		request->program = word;
		break;
	case PRELOAD:
		request->preload = word;
		break;
	}
}

static void obey(char *line)
{
	const char *name = strtok(line, " \n");
	struct request request = {0};
	size_t i = 0;

	if (!name)
		return;
	while (i < REQUESTS && strcmp(requests[i].name, name))
		i++;
	if (i == REQUESTS)
		give_up("no such request");
	for (int n = 0; n < MOST_ARGUMENTS; n++) {
		const char *word = strtok(NULL, " \n");

		if (!word && (requests[i].arguments[n] == FUNCTION || requests[i].arguments[n] == PROGRAM))
			give_up("a request without the word that it needs");
		if (word)
			take(&request, requests[i].arguments[n], word);
	}
	requests[i].obey(&request);
	fflush(stdout);
}

int main(void)
{
	static char line[8192];
	const char *reason = contender_prepare();
	const char *no_vdso = vdso_prepare();

	sched_getaffinity(0, sizeof(allowed), &allowed);
	if (reason) {
		printf("absent %s\n", reason);
		return 0;
	}
	printf("ready %s\n", version_said());
	for (size_t i = 0; offered(i); i++)
		printf("%s:%zu ", offered(i)->name, offered(i)->most);
	printf("\n");
	fflush(stdout);
	offer("=nothing", draw_nothing, ANY_SIZE);
	offer("=syscall", draw_by_system_call, ANY_SIZE);
	if (!no_vdso)
		offer("=vdso", draw_from_vdso, ANY_SIZE);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}

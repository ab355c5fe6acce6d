/* SPDX-License-Identifier: MIT */
/*
 * A benchmark worker: one contender in one process, which does a short turn of work for each line that it reads.
 * So contenders that can't share a process (other libcs) take turns on one CPU within milliseconds of each other.
 *
 * It first prints one line, "ready VERSION" or "absent REASON", and one line with the names of its functions.
 */
#include "worker.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FUNCTIONS 16
#define WORDS 6

static struct function functions[MOST_FUNCTIONS];
static size_t function_count;
static char version_text[128] = "unknown";
static cpu_set_t allowed;

void offer(const char *name, draws *draw, size_t most)
{
	if (function_count == MOST_FUNCTIONS)
		give_up("too many functions");
	functions[function_count++] = (struct function){name, draw, most};
}

void version(const char *text)
{
	snprintf(version_text, sizeof(version_text), "%s", text);
}

void *library(const char *soname)
{
	return dlopen(soname, RTLD_NOW | RTLD_GLOBAL);
}

void *symbol(void *library, const char *name)
{
	return dlsym(library, name);
}

void give_up(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int64_t median(int64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

void pin(int cpu)
{
	cpu_set_t set = allowed;

	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set))
		give_up("can't choose the CPU");
}

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < function_count; i++)
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	give_up("no such function");
}

static int split(char *line, char **words)
{
	int count = 0;

	for (char *word = strtok(line, " \n"); word && count < WORDS; word = strtok(NULL, " \n"))
		words[count++] = word;
	return count;
}

/* MEASURE FUNCTION SIZE NUMBER NUMBER, as far as the measure needs them. */
static void obey(char *line)
{
	char *word[WORDS] = {"", "", "0", "0", "0", "0"};
	int count = split(line, word);
	size_t size = strtoul(word[2], NULL, 10);
	long number = strtol(word[3], NULL, 10);

	if (!count)
		return;
	if (!strcmp(word[0], "turn"))
		measure_turn(find(word[1]), size, number);
	else if (!strcmp(word[0], "timer"))
		measure_timer();
	else if (!strcmp(word[0], "threads"))
		measure_threads(find(word[1]), size, (int)number, strtoll(word[4], NULL, 10));
	else if (!strcmp(word[0], "first"))
		measure_first_draw(find(word[1]), size, (int)number);
	else if (!strcmp(word[0], "fork"))
		measure_fork(find(word[1]), size, (int)number);
	else if (!strcmp(word[0], "start"))
		measure_start(word[1], count > 2 ? word[2] : NULL);
	else if (!strcmp(word[0], "memory"))
		measure_memory(find(word[1]), size);
	else if (!strcmp(word[0], "thread_memory"))
		measure_thread_memory(find(word[1]), size, (int)number);
	else if (!strcmp(word[0], "steps"))
		measure_steps(find(word[1]), size, number);
	else if (!strcmp(word[0], "pin"))
		pin(atoi(word[1]));
	else
		give_up("no such request");
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
	printf("ready %s\n", version_text);
	for (size_t i = 0; i < function_count; i++)
		printf("%s:%zu ", functions[i].name, functions[i].most);
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

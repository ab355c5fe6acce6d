/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FUNCTIONS 16

static struct function functions[MOST_FUNCTIONS];
static size_t function_count;
static char version_text[128] = "unknown";

void offer(const char *name, draws *draw, size_t most)
{
	if (function_count == MOST_FUNCTIONS)
		give_up("too many functions");
	functions[function_count++] = (struct function){name, draw, most};
}

const struct function *offered(size_t index)
{
	return index < function_count ? &functions[index] : NULL;
}

const struct function *offered_as(const char *name)
{
	for (size_t i = 0; i < function_count; i++)
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	give_up("no such function");
}

void version(const char *text)
{
	snprintf(version_text, sizeof(version_text), "%s", text);
}

const char *version_said(void)
{
	return version_text;
}

void *library(const char *soname)
{
	return dlopen(soname, RTLD_NOW | RTLD_GLOBAL);
}

void *symbol(void *library, const char *name)
{
	return dlsym(library, name);
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void sort(int64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

int64_t median(int64_t *values, size_t count)
{
	sort(values, count);
	return values[count / 2];
}

void give_up(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

/* SPDX-License-Identifier: MIT */
/* Reads the environment without libc's getenv. Must be called before the program can change it: at load. */
#include "environment.h"

#include <stddef.h>
#include <sys/auxv.h>

#include "imports.h"

static const char *value_of(const char *entry, const char *name)
{
	while (*name && *entry == *name) {
		entry++;
		name++;
	}
	return !*name && *entry == '=' ? entry + 1 : NULL;
}

static const char *environment_get(const char *name)
{
	if (!imports.environ || !*imports.environ || !imports.getauxval || imports.getauxval(AT_SECURE))
		return NULL;
	for (char **entry = *imports.environ; *entry; entry++) {
		const char *value = value_of(*entry, name);

		if (value)
			return value;
	}
	return NULL;
}

bool environment_lists(const char *name, const char *word)
{
	const char *value = environment_get(name);

	while (value) {
		const char *letter = word;

		while (*letter && *value == *letter) {
			value++;
			letter++;
		}
		if (!*letter && (!*value || *value == ','))
			return true;
		while (*value && *value != ',')
			value++;
		value = *value ? value + 1 : NULL;
	}
	return false;
}

bool environment_says_off(void)
{
	static const char words[][9] = { "off", "OFF", "Off", "0", "no", "false", "disable", "disabled" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (environment_lists("VGETRANDOM", words[i]))
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
/*
 * A record of draws that survives exec: kept in a memory file whose descriptor the next program finds in the
 * environment. A case runs itself again as `case STAGE`, and each stage adds to the same record.
 */
#ifndef CONFORM_LIFE_H
#define CONFORM_LIFE_H

#include "draws.h"

#define LIFE_PIECES	(1 << 20)
#define LIFE_SECONDS	10	/* for a stage that hangs */
#define LIFE_SIZE	(sizeof(struct draws) + (LIFE_PIECES + 16384) * sizeof(struct drawing))

/* In the first stage, and in every later one: the record. NULL: there is none. */
static inline struct draws *life_draws(void)
{
	const char *known = getenv("CONFORM_RECORD");
	char text[16];
	int file = known ? atoi(known) : (int)syscall(SYS_memfd_create, "draws", 0u);
	struct draws *draws;

	if (file < 0 || (!known && ftruncate(file, LIFE_SIZE)))
		return NULL;
	draws = mmap(NULL, LIFE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (draws == MAP_FAILED)
		return NULL;
	if (known) {
		watchdog(LIFE_SECONDS);
	} else {
		draws->capacity = LIFE_PIECES + 16384;
		snprintf(text, sizeof(text), "%d", file);
		setenv("CONFORM_RECORD", text, 1);
	}
	return draws;
}

/* Run this program again in this process, as the stage of that name. Returns only on failure. */
static inline void life_next(const char *stage)
{
	char *const argv[] = { program_invocation_name, (char *)stage, NULL };

	case_execv(program_invocation_name, argv);
	_exit(127);
}

/* Run a stage in a child; a test point only when it does not end well. */
static inline bool life_child(const char *stage)
{
	pid_t child = fork();

	if (!child)
		life_next(stage);
	return wait_ok(child, stage);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * libvgetrandom-report.so: one line of JSON for each process that ends, about the main library in it.
 * `vgetrandom check` and `run --report` preload it; nobody else has to. What must stay true: a program that
 * it reports on is neither stopped, killed nor changed by it, whatever becomes of the line. Without
 * VGETRANDOM_REPORT it only hands functions on.
 */
#include <sys/syscall.h>

#include "arch/arch.h"
#include "confined.h"
#include "destination.h"
#include "loaded.h"
#include "owner.h"

#define EXPORT __attribute__((visibility("default")))

static int reported;	/* the pid that has; a forked child has another one */

struct line {
	char text[512];
	size_t length;
};

struct totals {
	uint64_t calls, bytes, slots;
};

static void add_text(struct line *line, const char *text)
{
	while (*text)
		line->text[line->length++] = *text++;
}

static void add_number(struct line *line, const char *key, uint64_t number)
{
	char digits[24];
	char *digit = digits + sizeof(digits) - 1;

	*digit = 0;
	do {
		*--digit = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add_text(line, ",\"");
	add_text(line, key);
	add_text(line, "\":");
	add_text(line, digit);
}

/* Whether the record says what this library understands. The main library writes it when it is initialised. */
static bool is_readable(const struct vgetrandom_process *record)
{
	return record && record->magic == VGETRANDOM_MAGIC && record->version == VGETRANDOM_RECORD_VERSION &&
	       record->size >= sizeof(*record);
}

static const char *status_name(const struct vgetrandom_process *record)
{
	if (!record)
		return "absent";
	if (!record->magic)
		return "not-initialised";
	if (!is_readable(record))
		return "other-release";
	switch (record->status) {
	case VGETRANDOM_ACTIVE:
		return "active";
	case VGETRANDOM_OFF:
		return "off";
	case VGETRANDOM_NO_VDSO:
		return "no-vdso";
	case VGETRANDOM_NO_PARAMS:
		return "no-params";
	case VGETRANDOM_NO_MEMORY:
		return "no-memory";
	case VGETRANDOM_NO_LIBC:
		return "no-libc";
	default:
		return "unknown";
	}
}

static const char *memory_name(const struct vgetrandom_process *record)
{
	if (!is_readable(record))
		return "none";
	switch (record->memory) {
	case VGETRANDOM_MEMORY_NONE:
		return "none";
	case VGETRANDOM_MEMORY_DROPPABLE:
		return "droppable";
	case VGETRANDOM_MEMORY_LOCKED:
		return "locked";
	case VGETRANDOM_MEMORY_LOCK_REFUSED:
		return "lock-refused";
	default:
		return "unknown";
	}
}

/* The sums over the tails of all slots that have had an owner. Other threads may be drawing. */
static struct totals add_up(const struct vgetrandom_process *record)
{
	struct totals totals = { 0, 0, 0 };
	uint32_t used, in_page;

	if (!is_readable(record) || record->status != VGETRANDOM_ACTIVE || !record->states || !record->used ||
	    !record->state_stride || record->state_stride > record->page_size)
		return totals;
	in_page = record->page_size / record->state_stride;
	used = __atomic_load_n((const uint32_t *)(uintptr_t)record->used, __ATOMIC_RELAXED);
	totals.slots = used < record->slots ? used : record->slots;
	for (uint64_t slot = 0; slot < totals.slots; slot++) {
		uint64_t state = record->states + slot / in_page * record->page_size + slot % in_page * record->state_stride;
		const struct vgetrandom_tail *tail = (const void *)(uintptr_t)(state + record->state_size);

		totals.calls += __atomic_load_n(&tail->calls, __ATOMIC_RELAXED);
		totals.bytes += __atomic_load_n(&tail->bytes, __ATOMIC_RELAXED);
	}
	return totals;
}

static void compose(struct line *line, int pid)
{
	const struct totals totals = add_up(loaded.record);

	line->length = 0;
	add_text(line, "{\"vgetrandom\":2,\"status\":\"");
	add_text(line, status_name(loaded.record));
	add_text(line, "\",\"memory\":\"");
	add_text(line, memory_name(loaded.record));
	add_text(line, "\"");
	add_number(line, "pid", (uint64_t)pid);
	add_number(line, "calls", totals.calls);
	add_number(line, "bytes", totals.bytes);
	add_number(line, "slots", totals.slots);
	add_number(line, "copies", loaded.copies);
	add_text(line, "}\n");
}

static void report(void)
{
	struct line line;
	int pid;

	if (!destination_is_known() || confined)
		return;
	pid = (int)raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	if (owner_is_another(pid) || __atomic_exchange_n(&reported, pid, __ATOMIC_RELAXED) == pid)
		return;
	compose(&line, pid);
	destination_write(line.text, line.length);
}

__attribute__((constructor)) static void load(void)
{
	loaded_find();
	destination_init();
}

__attribute__((destructor)) static void unload(void)
{
	report();
}

/* exit() runs the destructor; a forked child often ends by _exit(), which runs nothing, and would leave no line. */
EXPORT _Noreturn void _exit(int status)
{
	report();
	if (loaded.next_exit)
		loaded.next_exit(status);
	for (;;)
		raw_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

EXPORT _Noreturn void _Exit(int status) __attribute__((alias("_exit")));

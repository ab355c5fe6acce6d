/* SPDX-License-Identifier: MIT */
/*
 * The record is complete and read-only: a write to it, by a mistake or an attack that would redirect the entry point,
 * faults. What it says of the mappings is so.
 * Usage: record_page MEMORY	as enum vgetrandom_memory, what the states should lie in
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "memory.h"
#include "record.h"

#include <setjmp.h>
#include <sys/auxv.h>

static sigjmp_buf back;

static void fault(int signal)
{
	siglongjmp(back, signal);
}

static bool write_faults(void *address)
{
	volatile char *byte = address;

	if (sigsetjmp(back, 1))
		return true;
	*byte = *byte;
	return false;
}

static const struct mapping *mapping_at(const struct mapping *all, unsigned int count, uint64_t address)
{
	for (unsigned int i = 0; i < count; i++)
		if (address >= all[i].start && address < all[i].end)
			return &all[i];
	tap_line("", "Bail out! nothing is mapped at %#llx", (unsigned long long)address);
	exit(1);
}

static void states_droppable(const struct mapping *states)
{
	check(mapping_has(states, "dp"), "states are in droppable memory: %s", states->flags);
}

/* wf: wiped at a fork; lo: locked; dd: left out of core dumps (proc_pid_smaps(5)). */
static void states_locked(const struct mapping *states)
{
	check(mapping_has(states, "wf") && mapping_has(states, "lo") && mapping_has(states, "dd") && !mapping_has(states, "dp"),
	      "states are wiped at a fork, locked, not dumped and never dropped: %s", states->flags);
}

int main(int argc, char *argv[])
{
	static struct mapping all[512];
	uint32_t memory = argc > 1 ? (uint32_t)atoi(argv[1]) : VGETRANDOM_MEMORY_DROPPABLE;
	const struct mapping *states, *table, *code;
	unsigned int count;
	char *page;

	case_begin("the record", 20);
	libc_needs(getrandom);
	record_find();
	page = (char *)((uintptr_t)record / record->page_size * record->page_size);
	signal(SIGSEGV, fault);
	check(record->status == VGETRANDOM_ACTIVE && record->memory == memory, "status %u, memory %u", record->status,
	      record->memory);
	check(record->size == sizeof(*record), "size %u", record->size);
	check(record->page_size == (uint32_t)sysconf(_SC_PAGESIZE), "page size %u", record->page_size);
	check(record->state_stride >= record->state_size + sizeof(struct vgetrandom_tail) && record->state_stride % 64 == 0,
	      "a state of %u bytes and its tail take %u", record->state_size, record->state_stride);
	check(write_faults((void *)record) && write_faults(page) && write_faults(page + record->page_size - 1),
	      "all of its page is read-only");
	check(slots_used() == 0, "loading gives no slot");
	count = mappings_find("self", NULL, all, 512);
	code = mapping_at(all, count, record->entry);
	check(record->entry - getauxval(AT_SYSINFO_EHDR) < 65536 && code->rights[2] == 'x', "the entry point is in the vDSO");
	states = mapping_at(all, count, record->states);
	check(!strncmp(states->rights, "rw-", 3), "states can be written: %s", states->rights);
	check((uintptr_t)state_of(record->slots - 1) + record->state_stride <= states->end, "the last of %u is there",
	      record->slots);
	check(states->end - states->start < 2 << 20, "no huge page backs them: %zu bytes", (size_t)(states->end - states->start));
	memory == VGETRANDOM_MEMORY_LOCKED ? states_locked(states) : states_droppable(states);
	table = mapping_at(all, count, record->slot);
	check(!strncmp(table->rights, "rw-", 3) && !mapping_has(table, "wf") && !mapping_has(table, "dp"),
	      "the table goes along to a child: %s %s", table->rights, table->flags);
	record_consistent("after load");
	return case_end();
}

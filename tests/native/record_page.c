/* SPDX-License-Identifier: MIT */
/*
 * The record is complete and read-only: a write to it, by a mistake or an attack that would redirect the entry point,
 * faults. What it says of the mappings is so.
 */
#include "tap.h"
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

int main(void)
{
	static struct mapping all[512];
	const struct mapping *states, *epoch, *code;
	unsigned int count;
	char *page;

	case_begin("the record", 20);
	libc_needs(getrandom);
	record_find();
	page = (char *)(uintptr_t)record;
	signal(SIGSEGV, fault);
	check(record->status == VGETRANDOM_ACTIVE, "status %u", record->status);
	check(record->size == sizeof(*record), "size %u", record->size);
	check(record->page_size == (uint32_t)sysconf(_SC_PAGESIZE), "page size %u", record->page_size);
	check(record->state_stride >= record->state_size && record->state_stride % 64 == 0, "a state of %u bytes takes %u",
	      record->state_size, record->state_stride);
	check(write_faults(page) && write_faults(page + record->page_size - 1), "all of its page is read-only");
	count = mappings_find("self", NULL, all, 512);
	code = mapping_at(all, count, record->entry);
	check(record->entry - getauxval(AT_SYSINFO_EHDR) < 65536 && code->rights[2] == 'x', "the entry point is in the vDSO");
	states = mapping_at(all, count, slot_number(0)->state);
	check(!strncmp(states->rights, "rw-", 3) && mapping_has(states, "dp"), "states are in droppable memory: %s", states->flags);
	epoch = mapping_at(all, count, record->epoch);
	check(mapping_has(epoch, "wf") && !mapping_has(epoch, "dp"), "the epoch is wiped in a child, and never dropped: %s",
	      epoch->flags);
	check(epoch->end - epoch->start == record->page_size, "no more than the epoch is wiped");
	check(!mapping_has(mapping_at(all, count, record->slots), "wf"), "the slots go along to a child");
	record_consistent("after load");
	return case_end();
}

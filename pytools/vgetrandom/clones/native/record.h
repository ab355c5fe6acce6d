/* SPDX-License-Identifier: MIT */
/*
 * What a guest leaves in its memory for the host, which saves all of that memory and looks for pages with this mark
 * (memory.py reads the same layout). So a draw is recorded by a few stores, and nothing of it passes through a device.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define VALUE	48	/* bytes of a value */
#define RECORDS	63	/* in a page */

/* One draw. `number` counts from 1 and is written last: 0 is a record that was never written. */
struct record {
	uint64_t number;
	uint64_t begun;			/* nanoseconds of CLOCK_MONOTONIC, just before the draw; of a line: when the last came */
	unsigned char value[VALUE];	/* the last bytes of what was drawn, or a line of text; zeros behind */
};

struct page {
	uint64_t mark[2];
	uint64_t contender;		/* its number in the plan */
	uint64_t index;			/* of this page in its ring */
	uint64_t spare[4];
	struct record records[RECORDS];
};

_Static_assert(sizeof(struct page) == 4096, "a page of records is a page");

/* A ring of pages: the record of draw N is (N - 1) modulo its capacity. */
struct ring {
	struct page *pages;
	uint64_t capacity;
};

/* What the processes of a guest share: one page that init makes, at descriptor CONTROL of each. */
#define CONTROL 3
#define MOST	64	/* contenders */

struct control {
	_Atomic uint32_t contenders;	/* in the plan */
	_Atomic uint32_t warm;		/* of these: have drawn often enough */
	_Atomic uint32_t to_stop;	/* of these: shall be stopped in the middle of a draw */
	_Atomic uint32_t stopped;	/* and are */
	_Atomic uint32_t resumed;	/* 1: this is after the snapshot */
	_Atomic uint32_t finished;	/* have drawn `draws` or `lines` times since */
	_Atomic uint32_t over;		/* 1: stop drawing */
	uint32_t draws, lines;		/* how often, after the snapshot */
	uint64_t resumed_at;		/* nanoseconds of CLOCK_MONOTONIC, written before `resumed` */
	_Atomic uint32_t drawn[MOST];	/* by each, until it is warm */
};

#define UNTOLD 20000	/* draws at most after the snapshot, before init reads that it was taken */
#define WARM 64	/* draws, before a contender is warm; it then waits for the others */

static inline bool all_are_warm(const struct control *control)
{
	return control->warm >= control->contenders;
}

static inline uint64_t nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* A ring for at least `records`, all of it in memory. Ends the program where there is no memory. */
static inline struct ring make_ring(uint64_t contender, uint64_t records)
{
	uint64_t pages = (records + RECORDS - 1) / RECORDS;
	struct ring ring = { .capacity = pages * RECORDS };
	volatile uint64_t half = 0x6e6f6c63;

	ring.pages = mmap(NULL, pages * sizeof(struct page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring.pages == MAP_FAILED)
		exit(120);
	for (uint64_t i = 0; i < pages; i++) {
		ring.pages[i].contender = contender;
		ring.pages[i].index = i;
		ring.pages[i].mark[0] = half << 32 | 0x76670a;
		ring.pages[i].mark[1] = ~ring.pages[i].mark[0];
	}
	return ring;
}

/* Record draw `number`. A reader of the memory at any instruction sees the old record, or none, or the new one. */
static inline void record(const struct ring *ring, uint64_t number, uint64_t begun, const void *value, size_t size)
{
	uint64_t place = (number - 1) % ring->capacity;
	struct record *record = &ring->pages[place / RECORDS].records[place % RECORDS];

	__atomic_store_n(&record->number, 0, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	record->begun = begun;
	memset(record->value, 0, VALUE);
	memcpy(record->value, value, size < VALUE ? size : VALUE);
	__atomic_store_n(&record->number, number, __ATOMIC_RELEASE);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A droppable page reads as zeros after it was dropped, and then its old content is back on another processor.
 * Build: cc -O2 -pthread page-returns.c -o page-returns; needs root (SCHED_FIFO), two processors, Linux 6.11.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE	4096
#define PAGES	100	/* dropped at once, so that it takes a while */
#define BATCH	40	/* new pages push ours to the LRU lists: MADV_PAGEOUT passes over it before */
#define WHILE	100000	/* ns that it takes, about */
#define WORD	(*(volatile unsigned int *)dropped)
#define MOVES	3000
#define PLACE(thread, processor) sched_setaffinity(thread, sizeof(cpu_set_t), &(cpu_set_t){ { 1ul << (processor) } })

static volatile char *dropped, *batch;
static volatile int left;
static long delay;	/* ns until the mover acts */
static sem_t drop, keep, called, moved;
static pid_t reader;

static void begin(int processor, int priority)
{
	PLACE(0, processor);
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = priority }))
		exit((perror("SCHED_FIFO"), 2));
}

static void *dropper(void *unused)	/* on processor 0 */
{
	for (begin(0, 5); !sem_wait(&drop);) {
		for (int i = 1; i < PAGES; i++)
			dropped[i * SIZE] = 1;
		sem_post(&called);
		madvise((void *)dropped, PAGES * SIZE, MADV_PAGEOUT);
	}
	return unused;
}

static void *keeper(void *unused)	/* on processor 1 while the reader is away, which so forgets no translation */
{
	for (begin(1, 5); !sem_wait(&keep);)
		while (!left);
	return unused;
}

static void *mover(void *unused)	/* on processor 0: stops the dropper, brings the reader, waits until it has left */
{
	for (begin(0, 10); !sem_wait(&called);) {
		nanosleep(&(struct timespec){ 0, delay }, NULL);
		PLACE(reader, 0);
		for (sem_post(&moved); !left;);
	}
	return unused;
}

int main(void)
{
	unsigned int there, here, zeros = 0, returned = 0;
	pthread_t thread;

	reader = gettid();
	dropped = mmap(NULL, PAGES * SIZE, PROT_READ | PROT_WRITE, 0x08 /* MAP_DROPPABLE */ | MAP_ANONYMOUS, -1, 0);
	batch = mmap(NULL, BATCH * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (dropped == MAP_FAILED)
		exit((perror("MAP_DROPPABLE"), 2));
	pthread_create(&thread, NULL, dropper, NULL);
	pthread_create(&thread, NULL, keeper, NULL);
	pthread_create(&thread, NULL, mover, NULL);
	begin(1, 20);
	for (unsigned int number = 1; number <= MOVES; number++) {
		WORD = number;
		for (int i = 0; i < BATCH; i++)
			batch[i * SIZE] = 1;
		madvise((void *)batch, BATCH * SIZE, MADV_DONTNEED);
		here = WORD;	/* now this processor remembers the page */
		left = 0;
		delay = rand() % WHILE;
		sem_post(&keep);
		sem_post(&drop);
		sem_wait(&moved);
		there = WORD;	/* on processor 0 */
		PLACE(0, 1);
		here = WORD;
		left = 1;
		zeros += !there;
		returned += !there && here;
	}
	printf("%d moves: %u times zeros there, of which %u times the old content here afterwards\n", MOVES, zeros, returned);
	return returned > 0;
}

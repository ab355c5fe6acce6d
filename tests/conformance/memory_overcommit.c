/* SPDX-License-Identifier: MIT */
/*
 * With overcommit off and all memory that may be promised used up, draws succeed in old and new threads.
 *
 * Source: proc_sys_vm(5), overcommit_memory 2; getrandom(2), ERRORS: there is no ENOMEM
 * Kind: promise
 * Runs: alone
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <fcntl.h>
#include <pthread.h>

#define SETTING	"/proc/sys/vm/overcommit_memory"
#define THREADS	50

static struct draws *draws;
static uint32_t waiting, go;

static void draw_some(uint64_t who)
{
	unsigned char bytes[32];
	int i;

	for (i = 0; i < 100; i++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), who);
	}
}

static void *body(void *who)
{
	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		usleep(500);
	draw_some((uintptr_t)who);
	return NULL;
}

static char setting(char wanted)
{
	int file = open(SETTING, wanted ? O_RDWR : O_RDONLY);
	char old = 0;

	if (file < 0 || read(file, &old, 1) != 1 || (wanted && pwrite(file, &wanted, 1, 0) != 1))
		old = 0;
	if (file >= 0)
		close(file);
	return old;
}

int main(void)
{
	pthread_t threads[THREADS];
	unsigned int i, count;
	size_t size;
	char before;

	case_begin("draws when no memory may be promised", 30);
	libc_needs(getrandom);
	before = setting(0);
	if (before != '2' && !tap_number("CONFORM_CHANGE_HOST", 0))
		skip_all("vm.overcommit_memory is %c here; CONFORM_CHANGE_HOST=1 sets it to 2 while this case runs", before);
	draws = draws_new((THREADS + 2) * 200);
	memset(draws->entry, 1, draws->capacity * sizeof(draws->entry[0]));	/* shared memory is promised page by page */
	for (count = 0; count < THREADS; count++)
		if (pthread_create(&threads[count], NULL, body, (void *)(uintptr_t)(count + 1)))
			break;
	while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < count)
		usleep(500);
	if (before != '2' && !setting('2'))
		skip_all("vm.overcommit_memory can't be set to 2: %s", strerror(errno));
	/* Promise all that can be promised, in ever smaller pieces. */
	for (size = (size_t)1 << 40; size >= 4096; size /= 2)
		while (mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
			;
	draw_some(1000);
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	if (before != '2')
		setting(before);
	outputs_distinct(draws, "without overcommit");
	return case_end();
}

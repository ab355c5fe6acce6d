/* SPDX-License-Identifier: MIT */
/*
 * Draws whose instructions somebody counts from outside: an emulator of user programs, which has no vDSO with getrandom.
 * So the vDSO comes from a file, and this program is the library's host. It stands where the library does; only its
 * states are ordinary memory, for an emulator may not know droppable memory.
 *
 * Usage: count IMAGE MOST BYTES TIMES
 * IMAGE is a file with a vDSO, ROOM bytes from its beginning; what lies around it stands for the data that the kernel
 * maps beside its vDSO. MOST is an enum chacha_vector, the widest vectors that the library may use, or "vdso": the
 * vDSO's function alone. BYTES is the size of each of TIMES draws.
 * Exit status: 0, 1 when a draw fails, 2 for arguments or an image that can't be used, 77 when this processor, or this
 * build, has no such vectors.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chacha/chacha.h"
#include "draw.h"
#include "vdso.h"

#define MOST_SIZE (1 << 20)
#define ROOM (1 << 20)	/* bytes, as in emulated.py */
#define WARM_UP 6		/* draws of 16 bytes, a whole batch: a thread's second takes a state, its third finds it */
#define WARM_UP_SIZE 16
#define MOST_WARM_UP 4096	/* and one of the size itself, or of so many bytes: an emulator meets each instruction anew */

struct process_settings count_settings;
_Thread_local struct thread_record count_thread;

static unsigned char output[MOST_SIZE];

/* The address of the image, which is a multiple of ROOM, or NULL. */
static const void *map_image(const char *path)
{
	char *memory = mmap(NULL, 3 * ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *start = (char *)(((uintptr_t)memory + ROOM) & ~((uintptr_t)ROOM - 1));
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (memory == MAP_FAILED || fd < 0 ||
	    mmap(start, 2 * ROOM, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return NULL;
	close(fd);
	return start + ROOM;
}

static bool start(const void *image, uint32_t most)
{
	void *states;

	core.page_size = (uint32_t)getauxval(AT_PAGESZ);
	core.entry = (vdso_getrandom *)vdso_find(image, VDSO_SYMBOL, VDSO_VERSION);
	if (!core.entry || !vdso_parameters(core.entry))
		return false;
	states = mmap(NULL, slots_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (states == MAP_FAILED)
		return false;
	core.states = states;
	draw_start((uintptr_t)image | (uintptr_t)&states | (uintptr_t)output, most);
	return true;
}

static long one_draw(bool alone, size_t bytes)
{
	static unsigned char state[4096] __attribute__((aligned(4096)));

	return alone ? arch_vdso_call(core.entry, output, bytes, 0, state, core.state_size) : draw(output, bytes, 0);
}

int main(int argc, char **argv)
{
	const void *image = argc == 5 ? map_image(argv[1]) : NULL;
	const bool alone = image && !strcmp(argv[2], "vdso");
	const uint32_t asked = image && !alone ? (uint32_t)atoi(argv[2]) : 0;
	const uint32_t most = asked ? chacha_permitted(asked, getauxval(AT_HWCAP)) : 0;
	size_t bytes = image ? (size_t)atol(argv[3]) : 0;
	long times = image ? atol(argv[4]) : 0;

	if (!bytes || bytes > MOST_SIZE || !start(image, most))
		return 2;
	if (asked && (!chacha_for(MOST_SIZE, most ? most : asked) || chacha_vector != asked || !most))
		return 77;
	for (int i = 0; i < WARM_UP; i++)
		if (one_draw(alone, WARM_UP_SIZE) != WARM_UP_SIZE)
			return 1;
	if (one_draw(alone, bytes < MOST_WARM_UP ? bytes : MOST_WARM_UP) < 0)
		return 1;
	while (times--)
		if (one_draw(alone, bytes) != (long)bytes)
			return 1;
	return 0;
}

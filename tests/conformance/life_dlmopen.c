/* SPDX-License-Identifier: MIT */
/*
 * A second copy of the libc in a namespace of dlmopen draws beside the first, also after fork; no bytes come out
 * twice.
 *
 * Source: dlmopen(3), getrandom(2)
 * Kind: promise
 * Library: drawing_library.c
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"

#include <libgen.h>

#define NAMESPACES	4

int main(void)
{
	void *(*open_in)(long, const char *, int) = (void *(*)(long, const char *, int))dlsym(RTLD_DEFAULT, "dlmopen");
	ssize_t (*copy[NAMESPACES])(void *, size_t);
	unsigned char bytes[32];
	struct draws *draws;
	char self[4096], path[8192];
	unsigned int count, i, turn;
	pid_t child;

	case_begin("several namespaces draw side by side", 20);
	libc_needs(getrandom);
	libc_needs_loader();
	if (!open_in)
		skip_all("this libc has no dlmopen");
	snprintf(self, sizeof(self), "%s", program_invocation_name);
	snprintf(path, sizeof(path), "%s/drawing_library.so", dirname(self));
	for (count = 0; count < NAMESPACES; count++) {
		void *library = open_in(-1 /* LM_ID_NEWLM */, path, RTLD_NOW);

		if (!library)
			break;
		copy[count] = (ssize_t (*)(void *, size_t))dlsym(library, "library_draw");
	}
	if (!check(count, "a namespace can be made: %s", count ? "yes" : dlerror()))
		return case_end();
	draws = draws_new(2 * 500 * 2 * (NAMESPACES + 1));
	draw(bytes, sizeof(bytes));
	child = fork();
	for (turn = 0; turn < 500; turn++) {
		draw(bytes, sizeof(bytes));
		draws_add(draws, bytes, sizeof(bytes), child ? 1 : 0x101);
		for (i = 0; i < count; i++) {
			expect(copy[i](bytes, sizeof(bytes)) == sizeof(bytes), "namespace %u draws", i);
			draws_add(draws, bytes, sizeof(bytes), (child ? 2 : 0x102) + i);
		}
	}
	if (!child)
		_exit(0);
	wait_ok(child, "the child");
	fact("namespaces", "%u", count);
	outputs_distinct(draws, "namespaces");
	return case_end();
}

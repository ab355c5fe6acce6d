/* SPDX-License-Identifier: MIT */
/*
 * No case: makes a getrandom of any function that fills a buffer, so that the cases can ask it as `preload:FILE.so`.
 *
 *	cc -shared -fPIC -DFILL=arc4random_buf adapter.c -lbsd -o bsd.so
 *
 * FILL is called as FILL(bytes, length); what it returns is ignored. What its own file asks for goes to the system call, and
 * so do requests with flags and those above INT_MAX, which such functions do not have.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

void FILL(void *bytes, size_t length);

static uintptr_t first, last;	/* of the file that FILL is in */

static int look(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t begin = UINTPTR_MAX, end = 0;

	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		begin = at < begin ? at : begin;
		end = at + info->dlpi_phdr[i].p_memsz > end ? at + info->dlpi_phdr[i].p_memsz : end;
	}
	if ((uintptr_t)FILL < begin || (uintptr_t)FILL >= end)
		return 0;
	first = begin;
	last = end;
	return 1;
}

__attribute__((constructor))
static void find(void)
{
	dl_iterate_phdr(look, NULL);
}

ssize_t getrandom(void *bytes, size_t length, unsigned int flags)
{
	const uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	if (flags || length > INT_MAX || !last || (caller >= first && caller < last))
		return syscall(SYS_getrandom, bytes, length, flags);
	FILL(bytes, length);
	return (ssize_t)length;
}

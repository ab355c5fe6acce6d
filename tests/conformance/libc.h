/* SPDX-License-Identifier: MIT */
/*
 * The libc functions a case may meet or miss. A dynamic program looks them up at run time: one binary then asks
 * every libc, of any age, and a preloaded library is found first, as it would be by any program. A static program
 * (CONFORM_STATIC) has weak references instead; the runner has the linker fetch those that its libc has.
 */
#ifndef CONFORM_LIBC_H
#define CONFORM_LIBC_H

#include "tap.h"
#include <dlfcn.h>

#ifdef CONFORM_STATIC
/* Each is a name for LIBC_NAMES' symbol that no header has declared. The runner reads this list (static.py). */
#define LIBC_NAMES(each) \
	each(getrandom) each(getentropy) each(arc4random) each(arc4random_buf) each(arc4random_uniform) each(_Fork) \
	each(getppid) each(gnu_get_libc_version) each(__cxa_thread_atexit_impl) each(_dl_allocate_tls)
#define LIBC_DECLARE(name) extern char libc_static_##name[] __asm__(#name) __attribute__((weak));
LIBC_NAMES(LIBC_DECLARE)

/* The function's address, or NULL where this libc has none. */
static inline void *libc_symbol(const char *name)
{
#define LIBC_COMPARE(known) if (!strcmp(name, #known)) return libc_static_##known;
	LIBC_NAMES(LIBC_COMPARE)
	return NULL;
}

/* After case_begin: skip the case, which loads libraries, in a program that has no loader. */
#define libc_needs_loader() skip_all("a statically linked program loads no libraries")
/* Whether threads can be cancelled: glibc unwinds their stacks by functions of libgcc. */
#define libc_unwinds() true
#else
#define libc_symbol(name) dlsym(RTLD_DEFAULT, name)
#define libc_needs_loader() ((void)0)
#define libc_unwinds() (!libc_symbol("gnu_get_libc_version") || dlopen("libgcc_s.so.1", RTLD_NOW))
#endif

static struct {
	ssize_t (*getrandom)(void *, size_t, unsigned int);
	int (*getentropy)(void *, size_t);
	uint32_t (*arc4random)(void);
	void (*arc4random_buf)(void *, size_t);
	uint32_t (*arc4random_uniform)(uint32_t);
	pid_t (*_Fork)(void);
} libc;

/* Fill the table; a function that this libc does not have stays NULL. */
static inline void libc_find(void)
{
	libc.getrandom = (ssize_t (*)(void *, size_t, unsigned int))libc_symbol("getrandom");
	libc.getentropy = (int (*)(void *, size_t))libc_symbol("getentropy");
	libc.arc4random = (uint32_t (*)(void))libc_symbol("arc4random");
	libc.arc4random_buf = (void (*)(void *, size_t))libc_symbol("arc4random_buf");
	libc.arc4random_uniform = (uint32_t (*)(uint32_t))libc_symbol("arc4random_uniform");
	libc._Fork = (pid_t (*)(void))libc_symbol("_Fork");
}

/* After case_begin: skip the case when the function is missing. */
#define libc_needs(function) \
	do { \
		libc_find(); \
		if (!libc.function) \
			skip_all("this libc has no " #function); \
	} while (0)

/* getrandom(bytes, length, 0), again after EINTR; anything but a full result is a failed test point. */
static inline bool draw(void *bytes, size_t length)
{
	ssize_t got;

	do
		got = libc.getrandom(bytes, length, 0);
	while (got == -1 && errno == EINTR);
	return expect(got == (ssize_t)length, "a draw of %zu bytes gives as many, not %zd", length, got);
}

#endif

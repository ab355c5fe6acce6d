/* SPDX-License-Identifier: MIT */
/*
 * The libc functions a case may meet or miss. They are looked up at run time: one binary then asks
 * every libc, of any age, and a preloaded library is found first, as it would be by any program.
 */
#ifndef CONFORM_LIBC_H
#define CONFORM_LIBC_H

#include "tap.h"
#include <dlfcn.h>

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
	libc.getrandom = (ssize_t (*)(void *, size_t, unsigned int))dlsym(RTLD_DEFAULT, "getrandom");
	libc.getentropy = (int (*)(void *, size_t))dlsym(RTLD_DEFAULT, "getentropy");
	libc.arc4random = (uint32_t (*)(void))dlsym(RTLD_DEFAULT, "arc4random");
	libc.arc4random_buf = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "arc4random_buf");
	libc.arc4random_uniform = (uint32_t (*)(uint32_t))dlsym(RTLD_DEFAULT, "arc4random_uniform");
	libc._Fork = (pid_t (*)(void))dlsym(RTLD_DEFAULT, "_Fork");
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

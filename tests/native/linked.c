/* SPDX-License-Identifier: MIT */
/* A program that links the library and calls it by every name that it has; valid C and C++. Prints two draws. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <vgetrandom.h>

/* A name that the library uses inside, prefixed there: a static archive must not clash with it. */
#ifdef __cplusplus
extern "C"
#endif
int fail(void);
int fail(void)
{
	return 3;
}

int main(void)
{
	unsigned char first[16] = { 0 }, second[16] = { 0 };

	if (vgetrandom(first, sizeof(first), 0) != sizeof(first) || getrandom(second, sizeof(second), 0) != sizeof(second))
		return 1;
	if (memcmp(first, second, sizeof(first)) == 0 || vgetrandom(first, 1, 0x1000) != -1)
		return 2;
	if (fail() != 3)
		return 3;
	for (unsigned int i = 0; i < sizeof(first); i++)
		printf("%02x%02x", first[i], second[i]);
	printf("\n");
	return 0;
}

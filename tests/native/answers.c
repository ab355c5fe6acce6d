/* SPDX-License-Identifier: MIT */
/*
 * Draws 32 bytes into a buffer of letters by the function that is named, with errno 77 before, and prints what it
 * returned, errno and the bytes in hexadecimal: for a tracer that makes up the kernel's answers.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void arc4random_buf(void *, size_t);

#define SIZE 32

int main(int argc, char *argv[])
{
	unsigned char bytes[SIZE];
	long answer = 0;

	memset(bytes, 'x', SIZE);
	errno = 77;
	if (argc == 2 && !strcmp(argv[1], "getentropy"))
		answer = getentropy(bytes, SIZE);
	else if (argc == 2 && !strcmp(argv[1], "getrandom"))
		answer = getrandom(bytes, SIZE, 0);
	else if (argc == 2 && !strcmp(argv[1], "arc4random_buf"))
		arc4random_buf(bytes, SIZE);
	else
		return 2;
	printf("%ld %d ", answer, errno);
	for (int i = 0; i < SIZE; i++)
		printf("%02x", bytes[i]);
	puts("");
	return 0;
}

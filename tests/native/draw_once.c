/* SPDX-License-Identifier: MIT */
/* Draws once by getrandom and once by syscall, and prints what they returned and where errno then is. */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	char bytes[16];
	long got;

	got = getrandom(bytes, sizeof(bytes), GRND_NONBLOCK);
	printf("%ld errno %d\n", got, errno);
	errno = 0;
	got = syscall(SYS_getrandom, bytes, sizeof(bytes), GRND_NONBLOCK);
	printf("%ld errno %d\n", got, errno);
	return 0;
}

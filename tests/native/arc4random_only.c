/* SPDX-License-Identifier: MIT */
/* Draws by arc4random's functions alone, which have no way to fail, and prints what they gave in hexadecimal. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint32_t arc4random(void);
void arc4random_buf(void *, size_t);
uint32_t arc4random_uniform(uint32_t);

static void caught(int signal)
{
	static const char text[] = "caught\n";

	(void)signal;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
}

int main(int argc, char *argv[])
{
	unsigned char bytes[1000] = { 0 };
	uint32_t number = 0;

	if (argc > 1 && !strcmp(argv[1], "catch"))
		signal(SIGABRT, caught);
	if (argc > 1 && !strcmp(argv[1], "ignore"))
		signal(SIGABRT, SIG_IGN);
	arc4random_buf(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		printf("%02x", bytes[i]);
	for (int i = 0; i < 4; i++)
		number |= arc4random();
	printf("\n%s\n", number && arc4random_uniform(10) < 10 ? "numbers" : "no numbers");
	return 0;
}

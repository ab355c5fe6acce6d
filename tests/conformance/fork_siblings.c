/* SPDX-License-Identifier: MIT */
/*
 * Promise: 2,000 children of one process, all alive at once, and their parent between them, never draw the same.
 * Source: fork(2), getrandom(2). A forking server is such a family.
 * Kind: promise
 */
#include "family.h"

#define SIBLINGS 2000

int main(void)
{
	static pid_t child[SIBLINGS];
	int gate[2], born = 0;
	char c;

	family_begin("2,000 siblings draw different bytes", 200000);
	if (pipe(gate))
		skip_all("no pipe: errno %d", errno);
	family_draw(1, 3);
	for (; born < SIBLINGS; born++) {
		child[born] = fork();
		if (child[born] == -1 && errno == EAGAIN)
			break;
		if (child[born] == 0) {
			family_child();
			family_draw(2, 2);
			close(gate[1]);
			if (read(gate[0], &c, 1))	/* until the parent closes it */
				_exit(1);
			family_draw(2, FAMILY_BATCH);
			_exit(0);
		}
		if (born % 16 == 0)
			family_draw(1, 1);
	}
	close(gate[1]);
	family_draw(1, FAMILY_BATCH);
	fact("siblings", "%d", born);
	check(born >= 100, "%d siblings live at once", born);
	while (born)
		wait_ok(child[--born], "a sibling");
	outputs_distinct(family, "siblings");
	return case_end();
}

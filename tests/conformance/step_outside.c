/* SPDX-License-Identifier: MIT */
/*
 * While a thread stands still at any instruction of a draw, or of its end, other threads may fork, begin, draw and end: nobody gets what
 * somebody else has. It is not interrupted by a signal, so that whatever an implementation does with signals blocked is met, too.
 *
 * Source: fork(2), getrandom(2): thread-safe (attributes(7): MT-Safe)
 * Kind: promise
 */
#include "step.h"
#include "states.h"

#define FEW	3	/* threads: so that a list of free states gets shorter, and is not filled anew */
#define NEXT	3	/* threads that come when the stepped one has gone on */

/* At every other boundary of each event few threads come, and where they are few in one, they are many in the next. */
static int crowd_size(int event)
{
	return (step.run + (uint64_t)event) % 2 ? FEW : STEP_CROWD;
}

/* In the child the thread is no more. Where a witness can stand in, it sees every state that two threads have there. */
static void others_fork(void)
{
	struct states *states;
	char where[256];

	if (!step_fork())
		return;
	step_draw(5, 2);
	if (witness_begin()) {
		step_crowd_comes(STEP_CROWD, 20);
		step_draw(5, 2);
		step_crowd_goes();
	} else {
		witness.inside = states_inside;
		states = states_of_crowd(STEP_CROWD, NULL);
		step_describe(where, step_tag(5));
		expect(!states_shared(states, "threads"), "threads of a child have states of their own: %s", where);
	}
	_exit(0);
}

static void after_fork(void)
{
	step_draw(4, 3);
}

/*
 * A libc may let nobody begin a thread while another one ends. So the crowd is there before, and draws for the first time
 * when the thread stands still; only then one begins, draws and ends. The crowd is in the middle of a draw when the thread
 * goes on.
 */
static void others_wait(void)
{
	step_crowd_waits(crowd_size(0), 20);
}

static void others_draw(void)
{
	step_draw(5, 2);
	step_crowd_enters();
	step_thread_draws(6);
}

/* While they are still there: what the thread gave back, and what it spoilt in doing so, goes to the next. */
static void after_draws(void)
{
	step_draw(4, 3);
	step_crowd_comes(NEXT, 50);
	step_crowd_goes();
	step_draw(4, 1);
}

/* The same, all along with a witness in the vDSO's place. */
static struct states *crowd;

static void stand_in(void)
{
	witness.inside = states_inside;
	if (witness_begin())
		_exit(0);
	crowd = states_crowd_waits(crowd_size(1), NULL);
}

static void others_are_seen(void)
{
	states_crowd_enters(crowd);
	step_thread_draws(6);
}

static void after_seen(void)
{
	struct states *next;
	char where[256];

	step_draw(4, 3);
	next = states_crowd_comes(NEXT, NULL);
	states_crowd_goes(crowd);
	states_crowd_goes(next);
	step_draw(4, 1);
	step_describe(where, step_tag(4));
	expect(!witness.seen->shared, "nobody comes inside with a state that is in use: %s", where);
}

int main(void)
{
	static const struct step_event events[] = {
		{ .name = "another thread forks meanwhile", .other = others_fork, .after = after_fork, .outside = true },
		{ .name = "others come, draw and go meanwhile", .begin = others_wait, .other = others_draw, .after = after_draws,
		  .outside = true },
		{ .name = "others come and are seen meanwhile", .begin = stand_in, .other = others_are_seen,
		  .after = after_seen, .stands_in = true, .outside = true },
	};

	step_begin("a thread that stands still at an instruction of a draw, or of its end, shares nothing with those who go on");
	return step_case("others go on while a thread stands still", events, witness_ask() ? 2 : 3);
}

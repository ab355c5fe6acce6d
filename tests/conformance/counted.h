/* SPDX-License-Identifier: MIT */
/*
 * How many system calls a draw makes under a filter that answers with an errno: a scene (confined.h) is played
 * under a tracer, with a mark before each draw.
 */
#ifndef CONFORM_COUNTED_H
#define CONFORM_COUNTED_H

#include "confined.h"

#define COUNTED_DRAWS	40	/* of each length; and as many by getentropy */
#define COUNTED_TO_LEARN	2	/* more system calls than draws: to try once what can't be had */

static bool counted_refused;	/* getrandom is refused too: a draw fails as the system call, or needs none */

/* One draw, after a mark. */
static void counted_draw(size_t length, bool entropy)
{
	static _Thread_local unsigned char bytes[4096];
	const int refusal = (int)(scene_now.answer & 0xffff);
	ssize_t got;

	calls_mark(1);
	if (!scene_now.drawing)
		return;
	errno = 0;
	got = entropy ? libc.getentropy(bytes, length) : libc.getrandom(bytes, length, 0);
	if (got == (entropy ? 0 : (ssize_t)length))
		draws_add(scene_now.draws, bytes, 16, length);
	else if (!counted_refused || got != -1 || errno != refusal)
		_exit(13);
}

static void counted_draws(void)
{
	static const size_t lengths[] = { 16, 256, 4096 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int times = 0; times < COUNTED_DRAWS; times++)
			counted_draw(lengths[i], false);
	for (int times = 0; times < COUNTED_DRAWS && libc.getentropy; times++)
		counted_draw(32, true);
	calls_mark(2);
}

static void *counted_thread(void *unused)
{
	counted_draws();
	return unused;
}

static void counted_main(const struct scene *scene)
{
	pthread_t thread;

	scene_draw_before();
	scene_confine();
	if (!scene->threads)
		counted_draws();
	else if (pthread_create(&thread, NULL, counted_thread, NULL) || pthread_join(thread, NULL))
		_exit(78);
}

static void counted_child(const struct scene *scene)
{
	pid_t child;

	scene_draw(scene->before);
	child = fork();
	if (child)
		scene_ends_as(child);
	counted_main(scene);
}

static const struct scene counted_scenes[] = {
	{ .name = "a program", .play = counted_main },
	{ .name = "its new thread", .play = counted_main, .threads = 1 },
	{ .name = "its child", .play = counted_child, .before = 2 },
	{ .name = "its child's new thread", .play = counted_child, .before = 1, .threads = 1 },
};
#define COUNTED_SCENES	(sizeof(counted_scenes) / sizeof(counted_scenes[0]))

struct count {
	pid_t counted;		/* the thread that draws now */
	unsigned int draws, calls, now, most;
};

static void counted_call(const struct call *call, void *of)
{
	struct count *count = of;

	if (call->mark >= 1) {
		if (count->now > count->most)
			count->most = count->now;
		count->now = 0;
		count->counted = call->mark == 1 ? call->who : 0;
		count->draws += call->mark == 1;
	} else if (call->who == count->counted) {
		count->now++;
		count->calls++;
	}
}

/*
 * A test point, if there are more calls than draws, or a draw ends as it should not. Returns the most calls of one
 * draw.
 */
static inline unsigned int counted_scene(size_t which, int moment, const struct allowance *allowance,
					 enum action action)
{
	struct count count = { 0 };
	uint32_t answer = DO_ERRNO | (action == ANSWER_EPERM ? EPERM : ENOSYS);
	int status;

	allowance_tell(allowance);
	status = calls_follow(scene_start(counted_scenes, which, moment, SCENE_TRACED | SCENE_DRAWS, answer, NULL),
			      counted_call, &count);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip_all("no seccomp filter for all threads can be installed here");
	expect(status == 0, "%s, %s %s: each draw ends as it should, not wait status %#x", counted_scenes[which].name,
	       action_names[action], scene_moment(moment), status);
	expect(count.draws >= COUNTED_DRAWS * 3 && count.calls <= count.draws + COUNTED_TO_LEARN,
	       "%s, %s %s: %u system calls for %u draws, up to %u for one", counted_scenes[which].name, action_names[action],
	       scene_moment(moment), count.calls, count.draws, count.most);
	return count.most;
}

/*
 * The whole of a case. refused: what is answered is getrandom, and with `all` everything else that the program does
 * not need; otherwise all but getrandom. Returns main's status.
 */
static inline int counted_case(int argc, char *argv[], const char *promise, bool refused, bool all)
{
	unsigned int most = 0, this;

	counted_refused = refused;
	if (argc == 5)
		scene_stage(&counted_scenes[atoi(argv[1])], argv);
	case_begin(promise, 60);
	libc_needs(getrandom);
	needs_filters();
	scene_now.draws = life_draws();
	if (!scene_now.draws)
		skip_all("no memory file");
	for (size_t which = 0; which < COUNTED_SCENES; which++) {
		struct allowance allowance = { .any_mmap = !all };

		scene_learn(counted_scenes, which, 0, &allowance);
		for (int call = 0; !all && call < CONFINED_CALLS; call++)
			allowance.call[call] = true;
		allowance.call[SYS_getrandom] = !refused;
		for (int moment = 0; moment <= 2; moment++) {
			for (enum action action = ANSWER_EPERM; action < ACTIONS; action++) {
				this = counted_scene(which, moment, &allowance, action);
				most = this > most ? this : most;
			}
		}
	}
	fact("most-system-calls-of-a-draw", "%u", most);
	check(!tap->failures, "no more system calls than draws");
	if (!refused)
		outputs_distinct(scene_now.draws, "under filters that answer");
	return case_end();
}

#endif

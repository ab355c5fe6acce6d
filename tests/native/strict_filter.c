/* SPDX-License-Identifier: MIT */
/*
 * After load a filter that kills on any system call but read, write, exit_group, rt_sigreturn and getrandom stops
 * nothing: the thread that loaded the library draws on, in signal handlers too, and from the vDSO.
 */
#include "tap.h"
#include "draws.h"
#include "libc.h"
#include "record.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define TURNS	20000

static struct draws *draws;

static void draw_by_all(uint64_t who)
{
	unsigned char bytes[32];

	draw(bytes, sizeof(bytes));
	draws_add(draws, bytes, sizeof(bytes), who);
	expect(libc.getentropy(bytes, sizeof(bytes)) == 0, "getentropy");
	draws_add(draws, bytes, sizeof(bytes), who);
	libc.arc4random_buf(bytes, sizeof(bytes));
	draws_add(draws, bytes, sizeof(bytes), who);
	expect(syscall(SYS_getrandom, bytes, sizeof(bytes), 0) == sizeof(bytes), "syscall");
	draws_add(draws, bytes, sizeof(bytes), who);
}

/* Sent by a breakpoint instruction: that takes no system call. */
static void handler(int signal)
{
	draw_by_all((uint64_t)signal << 32);
}

static bool lock_in(void)
{
	static const unsigned int allowed[] = { SYS_read, SYS_write, SYS_exit_group, SYS_rt_sigreturn, SYS_getrandom };
	const unsigned int count = sizeof(allowed) / sizeof(allowed[0]);
	struct sock_filter code[3 + sizeof(allowed) / sizeof(allowed[0])];
	struct sock_fprog filter = { count + 3, code };
	unsigned int i;

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (i = 0; i < count; i++)
		code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], (unsigned char)(count - i), 0);
	code[1 + count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[2 + count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

int main(int argc, char *argv[])
{
	case_begin("a strict filter installed after load", 60);
	libc_needs(getrandom);
	record_find();
	draws = draws_new(TURNS * 9);
	signal(SIGTRAP, handler);
	if (!lock_in())
		skip_all("no seccomp filters here: errno %d", errno);
	if (argc > 1 && !strcmp(argv[1], "die"))
		getppid();	/* to see that the filter bites */
	check(calls_served() == 0 && slots_used() == 0, "nobody has drawn or has a slot");
	for (uint64_t i = 0; i < TURNS; i++) {
		draw_by_all(i);
		if (i % 1000 == 0)
			__asm__ volatile("int3");
	}
	check(calls_served() == 4 * (TURNS + TURNS / 1000) - 1, "but for the first, all %llu calls were served by the vDSO",
	      (unsigned long long)calls_served());
	check(slots_used() == 1, "from one slot");
	outputs_distinct(draws, "under the filter");
	_exit(case_end());
	(void)argv;
}

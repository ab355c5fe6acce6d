"""`vgetrandom bench`: first draws, forks, slowest draws, system calls and sizes are measured from what they claim."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Callable

import needs
import pytest
from vgetrandom.bench import calls, contenders, lives, sizes, tail
from vgetrandom.bench.model import LIBC, SHIM, SYSCALL, VDSO, Participant, Run, Series
from vgetrandom.bench.session import QUICK, Session
from vgetrandom.bench.worker import Worker
from vgetrandom.system.elf import section_sizes

pytestmark = needs.program("cc")
Starter = Callable[..., Session]


class Silent:
    """Nobody wants to know how far it is."""

    def begin(self, measure: str, steps: int) -> None: ...

    def advance(self) -> None: ...

    def absent(self, participant: Participant) -> None: ...


@pytest.fixture
def session(library: Path) -> Iterator[Starter]:
    """session("key", ...): a session with these contenders, which does little; closed with the test."""
    running: list[Session] = []

    def start(*keys: str) -> Session:
        few = replace(QUICK, tail_threads=(1, 20), tail_rounds=1, reseeds=20, short_rounds=2)
        running.append(Session(few, Silent(), 0, library))
        running[-1].start([one for one in contenders.all_contenders([], []) if one.key in keys])
        return running[-1]

    yield start
    for one in running:
        one.close()


def worker_of(session: Session, key: str) -> Worker:
    if key not in session.workers:
        needs.another_host(f"on which {key} can take part: Linux 6.11 or newer")
    return session.workers[key]


def found(session: Session, measure: str, key: str, parameter: int = -1) -> Series | None:
    return Run({}, {}, tuple(session.participants), tuple(session.series)).find(measure, key, "", parameter)


def test_every_part_of_a_life_is_measured_for_every_contender(session: Starter) -> None:
    both = session(LIBC, SHIM)
    lives.measure(both)
    for key in (LIBC, SHIM):
        for measure in lives.THREAD:
            series = found(both, measure, key)
            assert series and min(series.samples) > 0, measure
        for threads in lives.FORKING:
            for measure in lives.FORK:
                series = found(both, measure, key, threads)
                assert series and min(series.samples) > 0, (measure, threads)


def test_a_forked_child_draws_in_a_process_that_has_as_many_threads_as_was_said(session: Starter) -> None:
    """Seen from outside: the threads that the worker makes before it forks."""
    strace = needs.require("strace")
    program = contenders.program(session(LIBC).contenders[LIBC], None)
    done = subprocess.run(
        [strace, "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork", *program.command],
        input=b"fork getrandom 16 2 7\n",
        capture_output=True,
    )
    started = [line for line in done.stderr.decode().splitlines() if "(" in line and "resumed" not in line]
    threads = [line for line in started if "CLONE_THREAD" in line]
    assert len(threads) == 6
    assert len(started) - len(threads) == 2 * 3


def test_the_slowest_draws_are_in_order_and_those_whose_thread_lost_its_cpu_are_told_apart(session: Starter) -> None:
    both = session(SYSCALL, SHIM)
    tail.measure(both)
    for key in (SYSCALL, SHIM, tail.NOTHING):
        for threads in (1, 20):
            got = [found(both, f"tail-{quantile}", key, threads) for quantile in tail.QUANTILES]
            values = [series.samples[0] for series in got if series]
            assert len(values) == len(tail.QUANTILES)
            assert values[:4] == sorted(values[:4])
            assert 0 < values[4] <= values[3]


def test_more_threads_than_a_process_may_have_are_no_figure_and_no_end_of_the_run(session: Starter) -> None:
    worker = worker_of(session(LIBC), LIBC)
    resource.prlimit(worker._process.pid, resource.RLIMIT_AS, (64 << 20, resource.RLIM_INFINITY))
    tails, forks, memory = worker.ask(
        "tail getrandom 16 1000 5000", "fork getrandom 16 1 5000", "thread_memory getrandom 16 5000"
    )
    assert {*tails, *forks, *memory} == {-1}
    (life,) = worker.ask("life getrandom 16 3")
    assert len(life) == len(lives.THREAD)


def test_a_draw_after_a_new_key_is_one_for_which_the_vdso_asks_the_kernel(session: Starter, library: Path) -> None:
    strace = needs.require("strace")
    chosen = session(SHIM, VDSO)
    worker_of(chosen, VDSO)  # else every draw is a system call
    program = contenders.program(chosen.contenders[SHIM], library)
    settings = [word for name, value in program.environment.items() for word in ("-E", f"{name}={value}")]

    def system_calls(times: int) -> int:
        request = f"reseed getrandom 16 {times}\n".encode()
        command = [strace, "-qq", "-e", "trace=getrandom", *settings, *program.command]
        done = subprocess.run(command, input=request, capture_output=True)
        if b"-1 -1" in done.stdout:
            needs.skip("new keys need root", needs.ROOT)
        return done.stderr.count(b"getrandom(")

    assert system_calls(60) - system_calls(10) >= 50


STRACE = """\
7 execve("worker", ["worker"], 0x7ffd /* 3 vars */) = 0
7 write(-1, "@program-first", 14) = -1 EBADF (Bad file descriptor)
7 getrandom("\\1\\2"..., 16, 0) = 16
7 write(-1, "@program-second", 15) = -1 EBADF (Bad file descriptor)
7 write(-1, "@", 1) = -1 EBADF (Bad file descriptor)
7 clone3({flags=CLONE_VM|CLONE_THREAD} => {parent_tid=[8]}, 88) = 8
8 rseq(0x7f, 0x20, 0, 0x53) = 0
8 write(-1, "@thread-first", 13 <unfinished ...>
7 futex(0x7f, FUTEX_WAIT, 8, NULL <unfinished ...>
8 <... write resumed>) = -1 EBADF (Bad file descriptor)
8 rt_sigprocmask(SIG_BLOCK, ~[], [], 8) = 0
8 rt_sigprocmask(SIG_SETMASK, [], NULL, 8) = 0
8 getrandom("\\1\\2"..., 16, 0 <unfinished ...>
8 <... getrandom resumed>) = 16
8 write(-1, "@thread-end", 11) = -1 EBADF (Bad file descriptor)
8 rt_sigprocmask(SIG_BLOCK, ~[], [], 8) = 0
8 madvise(0x7f, 4096, MADV_DONTNEED) = 0
8 exit(0) = ?
7 <... futex resumed>) = 0
9 write(-1, "@idle-end", 9) = -1 EBADF (Bad file descriptor)
9 madvise(0x7f, 4096, MADV_DONTNEED) = 0
9 exit(0) = ?
10 set_robust_list(0x7f, 24) = 0
7 write(-1, "@fork", 5) = -1 EBADF (Bad file descriptor)
7 clone(child_stack=NULL, flags=SIGCHLD) = 11
7 write(-1, "@", 1) = -1 EBADF (Bad file descriptor)
11 set_robust_list(0x7f, 24) = 0
7 wait4(11, <unfinished ...>
11 write(-1, "@child-first", 12) = -1 EBADF (Bad file descriptor)
11 getrandom("\\1\\2"..., 32, 0) = 32
10 futex(0x7f, FUTEX_WAIT, 0, NULL <unfinished ...>
11 write(-1, "@", 1) = -1 EBADF (Bad file descriptor)
11 exit_group(0) = ?
7 --- SIGCHLD {si_signo=SIGCHLD} ---
"""


def test_calls_belong_to_the_stage_of_the_thread_that_makes_them() -> None:
    by_stage = calls.stages(STRACE.splitlines())
    assert by_stage["program-first"] == {"getrandom": 1}
    assert by_stage["program-second"] == {}
    assert by_stage["thread-first"] == {"rt_sigprocmask": 2, "getrandom": 1}
    assert by_stage["thread-end"] == {"rt_sigprocmask": 1}, "what every thread's end takes does not count"
    assert by_stage["fork"] == {"set_robust_list": 1}
    assert by_stage["child-first"] == {"getrandom": 1}


def test_a_plain_libc_makes_one_call_a_draw_and_the_library_none_of_a_third(session: Starter) -> None:
    needs.require("strace")
    chosen = session(SYSCALL, VDSO, SHIM)
    worker_of(chosen, VDSO)
    calls.measure(chosen)
    made = {(one.contender, one.function, one.unit): one.samples[0] for one in chosen.series}
    if not made:
        needs.another_host("on which processes may be traced")
    for stage in ("program-first", "thread-third", "child-second"):
        assert made[SYSCALL, stage, "getrandom"] == 1
    assert made[SHIM, "program-first", "getrandom"] == 1
    assert made[SHIM, "program-third", ""] == made[SHIM, "thread-third", ""] == made[SHIM, "child-second", ""] == 0


def test_sizes_are_those_that_binutils_tells(session: Starter) -> None:
    chosen = session(LIBC, SHIM)
    sizes.measure(chosen)
    (libc,) = [one for one in chosen.series if one.contender == LIBC and one.measure == "text"]
    (path,) = worker_of(chosen, LIBC).paths
    assert libc.function == path.name
    assert len([one for one in chosen.series if one.contender == SHIM and one.measure == "text"]) == 2
    needs.require("size")
    said = subprocess.run(["size", path], capture_output=True, text=True, check=True).stdout.splitlines()[1].split()
    assert section_sizes(path) == tuple(map(int, said[:3]))

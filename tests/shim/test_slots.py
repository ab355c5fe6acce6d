"""The slot protocol seen from inside: by the process record, and by the system calls made (design, section 4).

What a program can see through the libc interface alone is in tests/conformance.
"""

from __future__ import annotations

import os
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from conftest import Compile
from preloading import run
from tracing import Call, trace

# What the vDSO itself may do now and then: fetch a seed.
RESEED = {"getrandom"}


def run_points(program: Path, library: Path, *arguments: str) -> str:
    """Run a native program that reports test points (tap.h); all must be good. Returns its output."""
    done = run([program, *arguments], library, VGETRANDOM_REPORT="")
    assert "\nnot ok" not in done.text and "Bail out!" not in done.text, done.text
    assert done.status == 0, f"status {done.status}\n{done.text}\n{done.errors.decode()}"
    if "# SKIP" in done.text:
        pytest.skip(done.text.partition("# SKIP ")[2].strip())
    assert re.search(r"^1\.\.[1-9]", done.text, re.MULTILINE), done.text
    return done.text


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_any_number_of_threads_in_turn_share_a_few_slots(native: Compile, library: Path, count: int) -> None:
    run_points(native("slots_turnover"), library, str(count))


def test_slots_of_threads_that_ended_by_the_raw_system_call_are_reclaimed(native: Compile, library: Path) -> None:
    run_points(native("slots_turnover"), library, "300", "raw")


def test_ten_thousand_live_threads_have_a_slot_each_and_leave_them_to_others(native: Compile, library: Path) -> None:
    run_points(native("slots_many"), library, "10000")


@pytest.mark.parametrize("survivor", ["main", "thread"])
@pytest.mark.parametrize("how", ["fork", "_Fork", "clone"])
def test_a_child_reuses_inherited_slots_once_its_survivor_has_settled(
    native: Compile, library: Path, how: str, survivor: str
) -> None:
    run_points(native("slots_fork"), library, how, survivor)


def test_a_child_on_borrowed_memory_registers_nothing(native: Compile, library: Path) -> None:
    run_points(native("slots_borrowed"), library)


def test_without_room_for_more_slots_the_system_call_serves(native: Compile, library: Path) -> None:
    run_points(native("slots_refused"), library)


def test_the_record_is_true_complete_and_read_only(native: Compile, library: Path) -> None:
    run_points(native("record_page"), library)


def test_a_strict_filter_installed_after_load_stops_nothing(native: Compile, library: Path) -> None:
    program = native("strict_filter")
    assert run([program, "die"], library, VGETRANDOM_REPORT="").status != 0, "the filter doesn't bite"
    run_points(program, library)


@pytest.fixture(scope="module")
def calls(native: Compile, library: Path) -> Mapping[str, Sequence[Call]]:
    """The system calls that each part of tests/native/calls.c made."""
    return trace([native("calls")], LD_PRELOAD=str(library))


def names(calls: Sequence[Call]) -> Counter[str]:
    return Counter(call.name for call in calls)


WAYS = ["getrandom", "flags", "getentropy", "syscall", "arc4random", "arc4random_buf", "arc4random_uniform"]
BY_ALL_WAYS = [f"by {way}" for way in WAYS]  # tests/native/calls.c has a thread for each


@pytest.mark.parametrize(
    "part", ["first thread", "after a fork", "warm of a child", *(f"warm {who}" for who in BY_ALL_WAYS)]
)
def test_a_thread_that_has_a_slot_makes_no_system_call(calls: Mapping[str, Sequence[Call]], part: str) -> None:
    made = names(calls[part])
    assert set(made) <= RESEED
    assert made["getrandom"] <= 3


@pytest.mark.parametrize("who", [*BY_ALL_WAYS, "of a child", "without a slot left"])
def test_a_first_draw_is_one_system_call(calls: Mapping[str, Sequence[Call]], who: str) -> None:
    assert names(calls[f"first draw {who}"]) == Counter(getrandom=1)


@pytest.mark.parametrize("who", BY_ALL_WAYS)
def test_the_second_draw_of_a_thread_asks_for_its_ids_only(calls: Mapping[str, Sequence[Call]], who: str) -> None:
    made = names(calls[f"second draw {who}"])
    assert made - Counter(getrandom=3) == Counter(getpid=1, gettid=1)


def test_the_second_draw_of_a_child_asks_for_its_ids_only(calls: Mapping[str, Sequence[Call]]) -> None:
    made = names(calls["second draw of a child"])
    assert made - Counter(getrandom=3) == Counter(getpid=2, gettid=1)  # one getpid is for the epoch


def test_who_finds_no_slot_probes_and_maps_and_does_nothing_else(calls: Mapping[str, Sequence[Call]]) -> None:
    part = calls["second draw without a slot left"]
    made = names(part)
    assert set(made) <= {"getpid", "gettid", "tgkill", "mmap"} | RESEED
    assert made["mmap"] == 2  # the block's slots and its states
    assert 16 <= made["tgkill"] <= 48
    assert all(re.match(r"\d+, \d+, 0\)", call.rest) for call in part if call.name == "tgkill"), "only probes"


def test_the_end_of_a_process_makes_no_system_call(calls: Mapping[str, Sequence[Call]]) -> None:
    assert set(names(calls["last"])) == {"exit_group"}
    assert set(names(calls["end of child"])) == {"exit_group"}


def test_loading_makes_few_system_calls(native: Compile, library: Path) -> None:
    program = native("calls")
    plain, preloaded = (names(trace([program], **preload)[""]) for preload in ({}, {"LD_PRELOAD": str(library)}))
    loader = Counter(openat=1, read=1, newfstatat=1, fstat=1, close=1, mmap=5, mprotect=1, munmap=1)
    # WIPEONFORK, the states, their name, the record read-only; then a slot, with the process's first epoch.
    initialisation = Counter(madvise=1, mmap=1, prctl=1, mprotect=1, getpid=2, gettid=1)
    assert not preloaded - plain - loader - initialisation


def test_the_states_are_named_in_maps(native: Compile, library: Path) -> None:
    """As far as the kernel can: the request is made, and where it is granted the name is there."""
    part = trace([native("calls")], LD_PRELOAD=str(library))[""]
    (request,) = [call.rest for call in part if call.name == "prctl" and "PR_SET_VMA_ANON_NAME" in call.rest]
    assert '"vgetrandom"' in request
    if request.endswith("= 0"):
        maps = run(["cat", "/proc/self/maps"], library).text
        assert "[anon:vgetrandom]" in maps
    else:
        assert "EINVAL" in request, request  # a kernel without CONFIG_ANON_VMA_NAME


def test_the_private_memory_that_it_adds_is_small(native: Compile, library: Path) -> None:
    """At most 16 KiB more than any preloaded library costs: one that is empty."""
    program = native("private_memory")
    empty = native("empty", "-shared", "-fPIC", output="empty.so")
    for file in (library, empty):  # the pages of a file that is not on the disk yet would count as the process's
        with file.open("rb") as opened:
            os.fsync(opened.fileno())

    def kilobytes(preload: Path) -> float:
        return statistics.median(int(run([program], preload, VGETRANDOM_REPORT="").text) for _ in range(15))

    assert kilobytes(library) - kilobytes(empty) <= 16


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_allocator_that_draws_is_served_by_the_vdso(native: Compile, library: Path, order: str) -> None:
    allocator = native("../conformance/lib/drawing_malloc", "-shared", "-fPIC", output="drawing_malloc.so")
    preload = f"{allocator}:{library}" if order == "before" else f"{library}:{allocator}"
    done = run(["sort", "--parallel=4", "-n", "/proc/self/maps"], preload)
    assert done.status == 0, done.errors
    (report,) = done.reports
    assert report.calls > 20 and report.fallbacks < report.calls / 4


@pytest.mark.parametrize("order", ["before", "after"])
def test_draws_of_constructors_are_served_and_do_no_harm(native: Compile, library: Path, order: str) -> None:
    """By the system call when they come before the library's own constructor, and by the vDSO after it."""
    drawer = native("../conformance/lib/drawing_library", "-shared", "-fPIC", output="drawing_library.so")
    preload = f"{drawer}:{library}" if order == "before" else f"{library}:{drawer}"
    done = run([native("ends")], preload)
    assert done.status == 0, done.errors
    (report,) = done.reports
    assert report.calls >= 3 and report.calls + report.fallbacks == 4
    assert report.threads == 1


def test_draws_of_ifunc_resolvers_do_no_harm(native: Compile, library: Path) -> None:
    """Even while the loader has not relocated the shim yet."""
    resolver = native("ifunc_resolver", "-shared", "-fPIC", output="libifunc_resolver.so")
    linked = ["-shared", "-fPIC", "-Wl,-z,now", f"-Wl,-rpath,{resolver.parent}", resolver]
    caller = native("ifunc_caller", *linked, output="libifunc_caller.so")
    for preload in (f"{library}:{caller}", f"{caller}:{library}"):
        done = run([native("ends")], preload)
        assert done.status == 0, done.errors
        (report,) = done.reports
        assert (report.calls, report.threads) == (3, 1)
        assert report.fallbacks <= 1

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

import needs
import pytest
from conftest import Compile
from tracing import Call, trace
from witness import Witness, alone

# What the vDSO itself may do now and then: fetch a seed.
RESEED = {"getrandom"}


def run_points(program: Path, library: Path, *arguments: str, **environment: str) -> str:
    """Run a native program that reports test points (tap.h); all must be good. Returns its output."""
    done = alone([program, *arguments], library, **environment)
    assert "\nnot ok" not in done.text and "Bail out!" not in done.text, done.text
    assert done.status == 0, f"status {done.status}\n{done.text}\n{done.errors.decode()}"
    if "# SKIP" in done.text:
        needs.another_host(f"that can be asked: {done.text.partition('# SKIP ')[2].strip()}")
    assert re.search(r"^1\.\.[1-9]", done.text, re.MULTILINE), done.text
    return done.text


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_any_number_of_threads_in_turn_share_a_few_slots(native: Compile, library: Path, count: int) -> None:
    """glibc keeps stacks for the next thread: eight at once need little more than eight."""
    run_points(native("slots_turnover"), library, str(count), "24")


def test_threads_that_ended_by_the_raw_system_call_leave_their_slots_behind(native: Compile, library: Path) -> None:
    """libc never uses their memory again, so each has a slot of its own."""
    run_points(native("slots_turnover"), library, "300", "300", "raw")


@pytest.mark.parametrize("count", [1_000, 10_000, 10_500])
def test_threads_alive_at_once_have_a_slot_each_while_there_are_some(
    native: Compile, library: Path, count: int
) -> None:
    run_points(native("slots_many"), library, str(count))


def test_without_a_slot_left_the_system_call_serves(native: Compile, library: Path) -> None:
    run_points(native("slots_full"), library)


def test_what_a_dead_thread_left_is_handed_on_or_begun_anew(native: Compile, library: Path) -> None:
    run_points(native("slots_left"), library)


@pytest.mark.parametrize("survivor", ["main", "thread"])
@pytest.mark.parametrize("how", ["fork", "_Fork", "clone"])
def test_a_childs_survivor_keeps_its_slot_and_new_threads_have_theirs(
    native: Compile, library: Path, how: str, survivor: str
) -> None:
    run_points(native("slots_fork"), library, how, survivor)


def test_a_childs_first_draw_copies_no_page_of_the_table(native: Compile, library: Path) -> None:
    run_points(native("slots_child_pages"), library)


def test_a_child_on_borrowed_memory_draws_with_its_parents_record(native: Compile, library: Path) -> None:
    run_points(native("slots_vfork"), library)


def test_threads_of_the_raw_clone_call_share_slots_by_their_storage(native: Compile, library: Path) -> None:
    run_points(native("slots_raw"), library)


DROPPABLE, LOCKED = "1", "2"  # enum vgetrandom_memory


@pytest.mark.parametrize(("word", "memory"), [("", DROPPABLE), ("lock", LOCKED)])
def test_the_record_is_true_complete_and_read_only(native: Compile, library: Path, word: str, memory: str) -> None:
    run_points(native("record_page"), library, memory, VGETRANDOM=word)


def test_a_strict_filter_installed_after_load_stops_nothing(native: Compile, library: Path) -> None:
    program = native("strict_filter")
    assert alone([program, "die"], library).status != 0, "the filter doesn't bite"
    run_points(program, library)


@pytest.fixture(scope="module")
def calls(native: Compile, library: Path) -> Mapping[str, Sequence[Call]]:
    """The system calls that each part of tests/native/calls.c made."""
    return trace([native("calls")], LD_PRELOAD=str(library))


def names(calls: Sequence[Call]) -> Counter[str]:
    return Counter(call.name for call in calls)


WAYS = ["getrandom", "flags", "getentropy", "syscall", "arc4random", "arc4random_buf", "arc4random_uniform"]
BY_ALL_WAYS = [f"by {way}" for way in WAYS]  # tests/native/calls.c has a thread for each
CHILDS_THREADS = ["of a child's thread", "of a child's thread where the parent had one"]


@pytest.mark.parametrize("who", ["of the first thread", *BY_ALL_WAYS, *CHILDS_THREADS, "without a slot left"])
def test_a_first_draw_is_one_system_call(calls: Mapping[str, Sequence[Call]], who: str) -> None:
    assert names(calls[f"first draw {who}"]) == Counter(getrandom=1)


@pytest.mark.parametrize(
    "part",
    [f"second draw {who}" for who in ["of the first thread", *BY_ALL_WAYS, *CHILDS_THREADS]]
    + ["first draw of a child"],
)
def test_who_takes_a_state_asks_for_its_seed_and_nothing_else(calls: Mapping[str, Sequence[Call]], part: str) -> None:
    made = names(calls[part])
    assert set(made) == RESEED
    assert made["getrandom"] <= 3


@pytest.mark.parametrize(
    "part",
    [
        *(f"warm {who}" for who in ["of the first thread", *BY_ALL_WAYS, "of a child", *CHILDS_THREADS]),
        "second draw of a child",
        "after a fork",
    ],
)
def test_a_thread_that_has_a_state_makes_no_system_call(calls: Mapping[str, Sequence[Call]], part: str) -> None:
    made = names(calls[part])
    assert set(made) <= RESEED
    assert made["getrandom"] <= 3


def test_a_new_thread_where_a_dead_one_was_makes_no_system_call_at_all(calls: Mapping[str, Sequence[Call]]) -> None:
    """But for the one that meets the minute in which the kernel seeds itself anew."""
    made = [
        sum((names(calls[f"{part} after one {who}"]) for part in ("first draw", "second draw", "warm")), Counter())
        for who in BY_ALL_WAYS
    ]
    assert all(set(counted) <= RESEED for counted in made)
    assert sum(not counted for counted in made) >= len(made) - 1, made


@pytest.mark.parametrize("part", ["second draw", "warm"])
def test_who_has_no_slot_makes_one_system_call_a_draw(calls: Mapping[str, Sequence[Call]], part: str) -> None:
    draws = {"second draw": 1, "warm": 1000 * len(WAYS)}  # as tests/native/calls.c has it
    assert names(calls[f"{part} without a slot left"]) == Counter(getrandom=draws[part])


def test_the_end_of_a_process_makes_no_system_call(calls: Mapping[str, Sequence[Call]]) -> None:
    assert set(names(calls["last"])) == {"exit_group"}
    assert set(names(calls["end of child"])) == {"exit_group"}


def loading(program: Path, library: Path, **environment: str) -> Sequence[Call]:
    """The system calls between the end of the loader's own work, which is to unmap its cache, and main."""
    part = trace([program], LD_PRELOAD=str(library), **environment)[""]
    last = max(at for at, call in enumerate(part) if call.name == "munmap" and not call.rest.endswith("-1"))
    mapped = [
        at
        for at, call in enumerate(part)
        if call.name == "mmap" and "MAP_PRIVATE" in call.rest and ", 3, " in call.rest
    ]
    assert max(mapped) < last, "the loader has mapped all files"
    return part[last + 1 :]


@pytest.mark.parametrize(
    ("word", "made"),
    [
        ("", ["mmap", "mprotect"]),
        ("nobulk,noavx512", ["mmap", "mprotect"]),
        ("off", ["mprotect"]),
        ("lock", ["mmap", "madvise", "madvise", "mlock2", "mprotect"]),
    ],
)
def test_loading_makes_calls_that_the_loader_has_just_made(
    native: Compile, library: Path, word: str, made: list[str]
) -> None:
    """The states, and the record read-only. What VGETRANDOM=lock asks for is made at load too, and only there."""
    assert [call.name for call in loading(native("calls"), library, VGETRANDOM=word)] == made


def test_with_lock_no_other_call_is_made_after_load(native: Compile, library: Path) -> None:
    parts = trace([native("calls")], LD_PRELOAD=str(library), VGETRANDOM="lock")
    draws = [name for name in parts if name.startswith(("first draw ", "second draw ", "warm "))]
    assert len(draws) == 3 * (2 * len(WAYS) + 5)
    assert set().union(*(names(parts[name]) for name in draws)) == RESEED


def test_the_private_memory_that_it_adds_is_small(native: Compile, library: Path) -> None:
    """At most 16 KiB more than any preloaded library costs: one that is empty."""
    program = native("private_memory")
    empty = native("empty", "-shared", "-fPIC", output="empty.so")
    for file in (library, empty):  # the pages of a file that is not on the disk yet would count as the process's
        with file.open("rb") as opened:
            os.fsync(opened.fileno())

    def kilobytes(preload: Path) -> float:
        return statistics.median(int(alone([program], preload).text) for _ in range(15))

    assert kilobytes(library) - kilobytes(empty) <= 16


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_allocator_that_draws_is_served_by_the_vdso(native: Compile, witness: Witness, order: str) -> None:
    allocator = native("../conformance/lib/drawing_malloc", "-shared", "-fPIC", output="drawing_malloc.so")
    done = witness.run(["sort", "--parallel=4", "-n", "/proc/self/maps"], **{order: allocator})
    assert done.status == 0, done.errors
    (process,) = done.processes
    assert process.calls > 20 and process.slots >= 1


@pytest.mark.parametrize("order", ["before", "after"])
def test_draws_of_constructors_are_served_and_do_no_harm(native: Compile, witness: Witness, order: str) -> None:
    """By the system call when they come before the library's own constructor, and by the vDSO after it."""
    drawer = native("../conformance/lib/drawing_library", "-shared", "-fPIC", output="drawing_library.so")
    done = witness.run([native("ends")], **{order: drawer})
    assert done.status == 0, done.errors
    (process,) = done.processes
    assert process.calls in (2, 3)  # of four draws; the thread's first one is a system call
    assert process.slots == 1


def test_draws_of_ifunc_resolvers_do_no_harm(native: Compile, witness: Witness) -> None:
    """Even while the loader has not relocated the shim yet."""
    resolver = native("ifunc_resolver", "-shared", "-fPIC", output="libifunc_resolver.so")
    linked = ["-shared", "-fPIC", "-Wl,-z,now", f"-Wl,-rpath,{resolver.parent}", resolver]
    caller = native("ifunc_caller", *linked, output="libifunc_caller.so")
    for order in ("before", "after"):
        done = witness.run([native("ends")], **{order: caller})
        assert done.status == 0, done.errors
        (process,) = done.processes
        assert (process.calls, process.slots) == (2, 1)

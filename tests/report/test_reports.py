"""What the exit report says of a process: the totals of its record (design, section 5)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Compile
from preloading import Report, read_reports, run, system_call_wins, with_reporter


@pytest.fixture
def ends(native: Compile) -> Path:
    """Draws three times, 16 bytes each, and ends in some way. The first draw is a system call."""
    return native("ends")


def active(report: Report, calls: int, slots: int) -> Report:
    """What a report has to be, all draws being of 16 bytes."""
    return Report("active", "droppable", report.pid, calls=calls, bytes=16 * calls, slots=slots, copies=1)


@pytest.mark.parametrize(("how", "status"), [("return", 0), ("exit", 7), ("_exit", 7), ("_Exit", 7)])
def test_each_way_of_exiting_leaves_one_line_and_its_status(ends: Path, library: Path, how: str, status: int) -> None:
    done = run([ends, how], library)
    (report,) = done.reports
    assert done.status == status
    assert report == active(report, calls=2, slots=1)


def test_a_library_that_exits_while_others_are_unloaded_makes_no_second_line(
    native: Compile, ends: Path, library: Path
) -> None:
    last = native("exiting_library", "-shared", "-fPIC", output="exiting_library.so")
    reporter = with_reporter(library).split(":")[1]
    for order in (f"{library}:{last}", f"{library}:{reporter}:{last}"):
        done = run([ends], order)
        assert done.status == 9
        assert [report.calls for report in done.reports] == [2]


def test_an_exit_in_another_thread_is_counted_whole(ends: Path, library: Path) -> None:
    (report,) = run([ends, "thread"], library).reports
    assert report == active(report, calls=3, slots=2)


def test_draws_of_threads_that_have_ended_are_counted(ends: Path, library: Path) -> None:
    """Five threads, one after the other, that draw twice: the first call of those that find no state is not served."""
    (report,) = run([ends, "threads"], library).reports
    assert report == active(report, report.calls, report.slots)
    assert 2 <= report.slots <= 6
    assert report.calls == 2 + 5 * 2 - (report.slots - 1)


def test_threads_that_draw_once_take_no_slot(ends: Path, library: Path) -> None:
    (report,) = run([ends, "once"], library).reports
    assert report == active(report, calls=2, slots=1)


SMALL, LARGE = 256, 4096  # bytes of a first draw: up to SMALL by the system call


@pytest.mark.parametrize("size", [16, SMALL, SMALL + 1])
def test_the_first_draw_of_a_thread_is_served_by_the_vdso_at_once_when_it_is_large(
    native: Compile, library: Path, size: int
) -> None:
    """And else by the system call. Without vectors, for which requests below SMALL can be large already.

    On a processor whose system call is cheaper for a large request, that makes it.
    """
    (report,) = run([native("first_draw"), "thread", str(size)], library, VGETRANDOM="nobulk").reports
    large = int(size > SMALL and not system_call_wins())
    assert (report.calls, report.bytes, report.slots) == (large, large * size, large)


@pytest.mark.parametrize("size", [16, SMALL, SMALL + 1])
def test_the_first_draw_of_a_child_is_served_by_the_vdso_at_once_when_it_is_large(
    native: Compile, library: Path, size: int
) -> None:
    reports = run([native("first_draw"), "child", str(size)], library, VGETRANDOM="nobulk").reports
    large = int(size > SMALL and not system_call_wins())
    assert sorted((report.calls, report.bytes) for report in reports) == [(0, 0), (large, large * size)]


@pytest.mark.parametrize("who", ["thread", "child"])
def test_a_large_first_draw_is_served_at_once_with_vectors_too(native: Compile, library: Path, who: str) -> None:
    reports = run([native("first_draw"), who, str(LARGE)], library).reports
    assert [(report.calls, report.bytes) for report in reports if report.calls] == [(1, LARGE)]


@pytest.mark.parametrize("who", ["thread", "child"])
def test_whoever_draws_again_takes_a_slot(native: Compile, library: Path, who: str) -> None:
    reports = run([native("first_draw"), who, "16", "1000"], library).reports
    assert [(report.calls, report.bytes) for report in reports if report.calls] == [(999, 999 * 16)]


def test_draws_of_functions_of_atexit_are_counted(ends: Path, library: Path) -> None:
    (report,) = run([ends, "atexit"], library).reports
    assert report == active(report, calls=3, slots=1)


def test_each_process_counts_its_own_draws(ends: Path, library: Path) -> None:
    """Three generations: 3, 10 and 20 draws. A child has its slot from its parent, and so no first draw."""
    reports = run([ends, "children"], library).reports
    assert sorted(report.calls for report in reports) == [2, 10, 20]
    assert {report.slots for report in reports} == {1}
    assert len({report.pid for report in reports}) == 3


def test_a_vfork_child_that_exits_says_nothing_for_its_parent(ends: Path, library: Path) -> None:
    (report,) = run([ends, "vfork"], library).reports
    assert report == active(report, calls=3, slots=1)


def test_off_turns_every_draw_into_a_system_call(ends: Path, library: Path) -> None:
    (report,) = run([ends, "threads"], library, VGETRANDOM="off").reports
    assert report == Report("off", "none", report.pid, calls=0, bytes=0, slots=0, copies=1)


def test_off_in_forked_children_too(ends: Path, library: Path) -> None:
    reports = run([ends, "children"], library, VGETRANDOM="off").reports
    assert [(report.status, report.calls) for report in reports] == [("off", 0)] * 3


def test_lock_is_granted_or_refused_and_said(ends: Path, library: Path) -> None:
    (report,) = run([ends], library, VGETRANDOM="lock").reports
    assert (report.status, report.calls) == ("active", 2)
    assert report.memory in ("locked", "lock-refused")


def test_the_first_of_several_copies_is_told_of(ends: Path, library: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.so"
    copy.write_bytes(library.read_bytes())
    (report,) = run([ends], f"{library}:{copy}").reports
    assert (report.copies, report.status, report.calls) == (2, "active", 2)


def test_where_there_is_no_copy_it_says_so(ends: Path, library: Path, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.touch()
    reporter = with_reporter(library).split(":")[1]
    environment = {**os.environ, "LD_PRELOAD": reporter, "VGETRANDOM_REPORT": str(path)}
    subprocess.run([ends], env=environment, check=True)
    (report,) = read_reports(path.read_text())
    assert report == Report("absent", "none", report.pid, calls=0, bytes=0, slots=0, copies=0)


@pytest.mark.parametrize(
    ("words", "status", "calls"),
    [("", "active", 12), ("old", "other-release", 0), ("early", "not-initialised", 0)],
)
def test_a_record_is_read_by_its_version(
    ends: Path, library: Path, native: Compile, words: str, status: str, calls: int
) -> None:
    standin = native("standin", "-shared", "-fPIC", "-Wl,--hash-style=both", output="standin.so")
    (report,) = run([ends], f"{standin}:{library}", STANDIN=words).reports
    assert (report.status, report.calls, report.bytes) == (status, calls, 16 * calls)
    assert report.copies == 2

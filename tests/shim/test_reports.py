"""The exit report, and the off switch (design, section 5)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Compile
from preloading import Report, read_reports, run


@pytest.fixture
def ends(native: Compile) -> Path:
    """Draws three times, 16 bytes each, and ends in some way."""
    return native("ends")


@pytest.mark.parametrize(("how", "status"), [("return", 0), ("exit", 7), ("_exit", 7), ("_Exit", 7)])
def test_each_way_of_exiting_leaves_one_line_and_its_status(ends: Path, library: Path, how: str, status: int) -> None:
    done = run([ends, how], library)
    (report,) = done.reports
    assert done.status == status
    assert report == Report("active", report.pid, calls=3, bytes=48, fallbacks=0, first_draws=0, threads=1, forks=0)


def test_a_library_that_exits_while_others_are_unloaded_makes_no_second_line(
    native: Compile, ends: Path, library: Path
) -> None:
    last = native("exiting_library", "-shared", "-fPIC", output="exiting_library.so")
    done = run([ends], f"{library}:{last}")
    assert done.status == 9
    assert [report.calls for report in done.reports] == [3]


def test_an_exit_in_another_thread_is_counted_whole(ends: Path, library: Path) -> None:
    (report,) = run([ends, "thread"], library).reports
    assert report == Report("active", report.pid, calls=4, bytes=64, fallbacks=0, first_draws=1, threads=2, forks=0)


def test_draws_of_threads_that_have_ended_are_counted(ends: Path, library: Path) -> None:
    (report,) = run([ends, "threads"], library).reports
    assert report == Report("active", report.pid, calls=8, bytes=128, fallbacks=0, first_draws=5, threads=6, forks=0)


def test_threads_that_draw_once_take_no_slot(ends: Path, library: Path) -> None:
    (report,) = run([ends, "once"], library).reports
    assert report == Report("active", report.pid, calls=3, bytes=48, fallbacks=0, first_draws=5, threads=1, forks=0)


SMALL, LARGE = 256, 4096  # bytes of a first draw: up to SMALL by the system call


@pytest.mark.parametrize("size", [16, SMALL, SMALL + 1, LARGE])
def test_the_first_draw_of_a_thread_is_served_by_the_vdso_at_once_when_it_is_large(
    native: Compile, library: Path, size: int
) -> None:
    """And else by the system call. Without vectors, for which requests below SMALL can be large already."""
    (report,) = run([native("first_draw"), "thread", str(size)], library, VGETRANDOM="nobulk").reports
    large = int(size > SMALL)
    assert (report.calls, report.bytes, report.threads) == (large, large * size, 1 + large)
    assert (report.fallbacks, report.first_draws, report.forks) == (0, 1 - large, 0)


@pytest.mark.parametrize("size", [16, SMALL, SMALL + 1, LARGE])
def test_the_first_draw_of_a_child_is_served_by_the_vdso_at_once_when_it_is_large(
    native: Compile, library: Path, size: int
) -> None:
    reports = run([native("first_draw"), "child", str(size)], library, VGETRANDOM="nobulk").reports
    (child,) = (report for report in reports if report.calls or report.first_draws)
    large = int(size > SMALL)
    assert len(reports) == 2
    assert (child.calls, child.bytes, child.threads, child.forks) == (large, large * size, large, 1)
    assert (child.fallbacks, child.first_draws) == (0, 1 - large)


@pytest.mark.parametrize(("who", "threads"), [("thread", 2), ("child", 1)])
def test_a_large_first_draw_is_served_at_once_with_vectors_too(
    native: Compile, library: Path, who: str, threads: int
) -> None:
    reports = run([native("first_draw"), who, str(LARGE)], library).reports
    (drew,) = (report for report in reports if report.calls or report.first_draws)
    assert (drew.calls, drew.bytes, drew.fallbacks, drew.first_draws, drew.threads) == (1, LARGE, 0, 0, threads)


@pytest.mark.parametrize(("who", "threads"), [("thread", 2), ("child", 1)])
def test_whoever_draws_again_takes_a_slot(native: Compile, library: Path, who: str, threads: int) -> None:
    reports = run([native("first_draw"), who, "16", "1000"], library).reports
    (drew,) = (report for report in reports if report.calls or report.first_draws)
    assert (drew.calls, drew.bytes, drew.fallbacks, drew.first_draws, drew.threads) == (999, 999 * 16, 0, 1, threads)


def test_draws_of_functions_of_atexit_are_counted(ends: Path, library: Path) -> None:
    (report,) = run([ends, "atexit"], library).reports
    assert report.calls == 4


def test_each_process_counts_its_own_draws(ends: Path, library: Path) -> None:
    reports = {report.forks: report for report in run([ends, "children"], library).reports}
    assert [reports[forks].calls for forks in range(3)] == [3, 9, 19]
    assert [reports[forks].first_draws for forks in range(3)] == [0, 1, 1]
    assert [reports[forks].fallbacks for forks in range(3)] == [0, 0, 0]
    assert len({report.pid for report in reports.values()}) == 3


def test_a_vfork_child_that_exits_says_nothing_for_its_parent(ends: Path, library: Path) -> None:
    (report,) = run([ends, "vfork"], library).reports
    assert report.calls == 4


def test_a_vfork_child_says_nothing_for_a_child_that_drew_once(ends: Path, library: Path) -> None:
    child, parent = run([ends, "vfork-in-child"], library).reports
    assert child == Report("active", child.pid, calls=1, bytes=16, fallbacks=0, first_draws=1, threads=1, forks=1)
    assert (parent.calls, parent.forks) == (3, 0)


def test_a_program_that_clears_its_environment_still_reports(ends: Path, library: Path) -> None:
    (report,) = run([ends, "clearenv"], library).reports
    assert report.calls == 3


def test_a_program_that_closed_all_descriptors_still_reports(ends: Path, library: Path) -> None:
    (report,) = run([ends, "closed"], library).reports
    assert report.calls == 3


def test_a_relative_path_is_one_from_where_the_program_began(ends: Path, library: Path, tmp_path: Path) -> None:
    assert run([ends, "chdir"], library, cwd=tmp_path, VGETRANDOM_REPORT="here.jsonl").status == 0
    (report,) = read_reports((tmp_path / "here.jsonl").read_text())
    assert report.calls == 3


def test_lines_are_appended_and_the_file_is_an_ordinary_one(ends: Path, library: Path, tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    for _ in range(3):
        run([ends], library, VGETRANDOM_REPORT=str(path))
    assert [report.calls for report in read_reports(path.read_text())] == [3, 3, 3]
    assert path.stat().st_mode & 0o7133 == 0


def test_many_processes_at_once_leave_whole_lines(ends: Path, library: Path, tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    environment = {**os.environ, "LD_PRELOAD": str(library), "VGETRANDOM_REPORT": str(path)}
    script = 'for i in 1 2 3 4 5 6 7 8 9 10; do "$0" & "$0" & "$0" & "$0" & done; wait'
    subprocess.run(["bash", "-c", script, ends], env=environment, check=True, timeout=60)
    reports = read_reports(path.read_text())
    assert sum(report.calls == 3 for report in reports) == 40


def test_a_descriptor_can_be_named(ends: Path, library: Path) -> None:
    environment = {**os.environ, "LD_PRELOAD": str(library), "VGETRANDOM_REPORT": "fd:1"}
    done = subprocess.run([ends], env=environment, capture_output=True, text=True)
    (report,) = read_reports(done.stdout)
    assert report.calls == 3 and done.stderr == ""


@pytest.mark.parametrize(
    "target",
    ["", "fd:", "fd:-1", "fd:99", "fd:99999999999999999999", "fd:1x", "/nowhere/at/all", "/", "x" * 5000, "fd"],
)
def test_what_can_not_be_written_to_disturbs_nothing(ends: Path, library: Path, tmp_path: Path, target: str) -> None:
    done = run([ends, "exit"], library, cwd=tmp_path, VGETRANDOM_REPORT=target)
    # "fd:" alone is descriptor 0, which is open for reading; "fd" is the name of a file.
    assert (done.status, done.output, done.errors) == (7, b"", b"")


def test_without_the_variable_nothing_is_written(ends: Path, library: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VGETRANDOM_REPORT"}
    environment["LD_PRELOAD"] = str(library)
    done = subprocess.run([ends, "exit"], env=environment, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr, list(tmp_path.iterdir())) == (7, b"", b"", [])


def test_off_turns_every_draw_into_a_system_call(ends: Path, library: Path) -> None:
    (report,) = run([ends, "threads"], library, VGETRANDOM="off").reports
    assert report == Report("off", report.pid, calls=0, bytes=0, fallbacks=13, first_draws=0, threads=0, forks=0)


def test_off_a_vfork_child_says_nothing_for_its_parent(ends: Path, library: Path) -> None:
    (report,) = run([ends, "vfork"], library, VGETRANDOM="off").reports
    assert report.fallbacks == 4


def test_off_in_forked_children_too(ends: Path, library: Path) -> None:
    reports = run([ends, "children"], library, VGETRANDOM="off").reports
    assert sorted(report.fallbacks for report in reports) == [3, 10, 20]
    assert sum(report.calls + report.first_draws for report in reports) == 0


@pytest.mark.parametrize("value", ["", "on", "of", "offf", "OFF", "0"])
def test_only_off_turns_it_off(ends: Path, library: Path, value: str) -> None:
    (report,) = run([ends], library, VGETRANDOM=value).reports
    assert (report.status, report.calls) == ("active", 3)


@pytest.mark.parametrize("name", ["VGETRANDO", "VGETRANDOM2", "XVGETRANDOM"])
def test_variables_with_similar_names_mean_nothing(ends: Path, library: Path, name: str) -> None:
    (report,) = run(["env", f"{name}=off", ends], library).reports
    assert report.status == "active"


def test_errno_is_left_alone(ends: Path, library: Path) -> None:
    done = run([ends, "errno"], library)
    assert done.status == 77

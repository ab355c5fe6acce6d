"""What `vgetrandom status` says of running processes: the same as they say themselves when they exit."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import needs
import pytest
from conftest import ROOT, Compile
from draws import count_draws
from preloading import Report, read_reports, with_reporter
from vgetrandom.status import process_record
from vgetrandom.status.process_record import ProcessGone, Record, parse_smaps, read_record, state_mappings
from vgetrandom.status.process_watch import Entry, Snapshot, take_snapshot
from vgetrandom.status.text import COLUMNS, detail_lines, screen

RELEASE = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]  # type: ignore[index]
THREADS, CHILDREN, DRAWS = 3, 2, 1000
SERVED = (THREADS + 1) * (DRAWS - 1)  # in the parent: each thread's first draw is a system call


@dataclass
class Load:
    """A running status_load and its children; `reports` come when it has ended."""

    pids: list[int]
    process: subprocess.Popen[str]
    report: Path

    def end(self) -> dict[int, Report]:
        """Let all of them exit; their exit reports by pid."""
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0
        return {report.pid: report for report in read_reports(self.report.read_text())}


@contextlib.contextmanager
def running(program: Path, library: Path, *arguments: int, wait: bool = True, **environment: str) -> Iterator[Load]:
    """status_load, preloaded, when all its draws are done (with `wait`) or have begun."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        report.touch()
        variables = {
            **os.environ,
            "LD_PRELOAD": with_reporter(library),
            "VGETRANDOM_REPORT": str(report),
            **environment,
        }
        words = [str(program), *map(str, arguments)]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, env=variables, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                assert process.stdout
                pids = []
                while len(pids) < 1 + arguments[1]:
                    pids.append(int(process.stdout.readline()))
                if wait:
                    assert process.stdout.readline() == "ready\n"
                yield Load(pids, process, report)
            finally:
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def load(native: Compile, library: Path) -> Iterator[Load]:
    with running(native("status_load"), library, THREADS, CHILDREN, DRAWS) as started:
        yield started


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "vgetrandom", "status", *map(str, arguments)]


def status(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`vgetrandom status` in a process of its own."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def test_the_layouts_are_those_of_the_header(tmp_path: Path) -> None:
    process = ("magic", "version", "size", "status", "memory", "release", "entry", "small_limit", "large", "user_span")
    process += ("states", "state_size", "state_stride", "mmap_prot", "mmap_flags", "page_size", "most_vector", "first")
    process += ("slot", "used", "vector", "slots", "reserved")
    tail = ("stamp", "begun", "calls", "bytes")
    lines = [
        f'printf("%zu ", offsetof(struct {name}, {field}));'
        for name, fields in (("vgetrandom_process", process), ("vgetrandom_tail", tail))
        for field in fields
    ]
    lines += [f'printf("%zu ", sizeof(struct {name}));' for name in ("vgetrandom_process", "vgetrandom_tail")]
    lines += ['printf("%llu %d\\n", (unsigned long long)VGETRANDOM_MAGIC, VGETRANDOM_RECORD_VERSION);']
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    source.write_text('#include <stdio.h>\n#include "vgetrandom.h"\nint main(void) {\n' + "\n".join(lines) + "\n}\n")
    subprocess.run(["gcc", "-I", str(ROOT / "include"), "-o", program, source], check=True)
    told = list(map(int, subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()))
    expected = []
    for layout, fields in ((process_record._PROCESS, process), (process_record._TAIL, tail)):
        members = re.findall(r"\d*[a-zA-Z]", layout.format.lstrip("="))
        assert len(members) == len(fields)
        expected += [struct.calcsize("=" + "".join(members[:index])) for index in range(len(fields))]
    expected += [process_record._PROCESS.size, process_record._TAIL.size]
    assert told == [*expected, process_record._MAGIC, process_record._VERSION]


def test_every_process_with_the_library_is_listed_with_its_own_counters(load: Load) -> None:
    listed = {entry["pid"]: entry for entry in json.loads(status("--json").stdout)["processes"]}
    assert set(load.pids) <= set(listed)
    parent, *children = load.pids
    assert (listed[parent]["calls"], listed[parent]["bytes"]) == (SERVED, 16 * SERVED)
    assert (listed[parent]["slots_used"], listed[parent]["slots"]) == (THREADS + 1, 10240)
    for child in children:  # with its parent's slot from its first draw on
        assert (listed[child]["calls"], listed[child]["bytes"]) == (DRAWS, 16 * DRAWS)
        assert listed[child]["slots_used"] == 1
    reports = load.end()
    for pid in load.pids:
        fields = ("status", "memory", "calls", "bytes")
        assert {name: listed[pid][name] for name in fields} == {name: getattr(reports[pid], name) for name in fields}
        assert listed[pid]["slots_used"] == reports[pid].slots
        assert listed[pid]["warnings"] == []


def test_the_calls_are_those_that_strace_counts_without_the_library(
    load: Load, native: Compile, tmp_path: Path
) -> None:
    listed = sum(entry.record.calls for entry in take_snapshot(load.pids).entries if entry.record)
    arguments = [str(number) for number in (THREADS, CHILDREN, DRAWS)]
    counted = count_draws([str(native("status_load")), *arguments], tmp_path, None, {})
    first_draws = THREADS + 1
    assert counted.own == listed + first_draws == (1 + THREADS + CHILDREN) * DRAWS


def test_a_process_named_shows_every_detail(load: Load) -> None:
    done = status("--json", load.pids[0])
    (entry,) = json.loads(done.stdout)["processes"]
    assert (entry["slots_used"], entry["slots"], entry["states"]) == (THREADS + 1, 10240, THREADS + 1)
    assert entry["release"] == RELEASE and entry["setting"] is None
    parameters = entry["parameters"]
    (mapping,) = entry["mappings"]
    assert mapping["droppable"] and "wf" in mapping["flags"]
    assert mapping["resident_pages"] >= 1
    assert 0 < parameters["state_size"] <= parameters["state_stride"]
    vdso = next(line for line in Path(f"/proc/{load.pids[0]}/maps").read_text().splitlines() if "[vdso]" in line)
    start, end = (int(number, 16) for number in vdso.split()[0].split("-"))
    assert start < entry["entry"] < end
    assert entry["large_requests"] == {"bytes": pytest.approx(64, abs=64), "vector": ""}
    text = status(load.pids[0]).stdout
    assert re.search(r"large requests +from \d+ bytes on, none so far", text)
    assert f"process {load.pids[0]}: " in text
    assert re.search(rf"calls +{SERVED}\b", text)
    assert re.search(rf"release +{re.escape(RELEASE)}\n", text)
    assert re.search(r"memory of the states +droppable\n", text)
    assert re.search(r"slots +4 of 10240 given, 4 with a state now", text)
    assert re.search(r"states in +0x[0-9a-f]+-0x[0-9a-f]+ droppable, \d of 488 pages resident", text)


def test_without_a_terminal_it_prints_plain_lines(load: Load) -> None:
    done = status()
    header, *lines = done.stdout.splitlines()
    columns = ["PID", "CALLS", "BYTES", "SLOTS", "MEMORY", "CALLS/S", "STATUS", "COMMAND"]
    assert header.split() == columns
    (line,) = [line for line in lines if line.split()[0] == str(load.pids[0])]
    assert line.split()[1:5] == [str(SERVED), str(16 * SERVED), "4", "droppable"]
    assert line.split()[6] == "active"
    assert "\x1b" not in done.stdout
    assert done.returncode == 0


def test_reading_leaves_the_process_running(load: Load) -> None:
    for _ in range(20):
        assert read_record(load.pids[0])
        text = Path(f"/proc/{load.pids[0]}/status").read_text()
        assert re.search(r"^State:\s+[RS] ", text, re.MULTILINE)
        assert re.search(r"^TracerPid:\s+0$", text, re.MULTILINE)


def test_rates_are_calls_a_second(native: Compile, library: Path) -> None:
    with running(native("status_load"), library, 0, 0, 100_000, 2000, wait=False) as load:
        first = take_snapshot(load.pids)
        time.sleep(1.0)
        second = take_snapshot(load.pids, first)
        before, after = first.entries[0], second.entries[0]
        assert before.rate is None
        assert before.record and after.record and after.rate is not None
        made = after.record.calls - before.record.calls
        assert made > 0
        assert after.rate == pytest.approx(made / (second.time - first.time))


def test_watch_prints_each_look_until_interrupted(native: Compile, library: Path) -> None:
    with running(native("status_load"), library, 0, 1, 100_000, 2000, wait=False) as load:
        words = command("--watch", "--interval", "0.3", "--json", *load.pids)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
            assert watcher.stdout and watcher.stderr
            looks: list[dict[str, Any]] = [json.loads(watcher.stdout.readline()) for _ in range(3)]
            watcher.send_signal(signal.SIGINT)
            rest = watcher.stdout.read()
            errors = watcher.stderr.read()
            assert watcher.wait(timeout=30) == 0
        assert errors == ""
        assert all(json.loads(line)["schema"] == 2 for line in rest.splitlines())
    calls = [[entry["calls"] for entry in look["processes"]] for look in looks]
    assert [len(look) for look in calls] == [2, 2, 2]
    assert calls[0] < calls[1] < calls[2]
    assert looks[0]["processes"][0]["calls_per_second"] is None
    assert looks[2]["processes"][0]["calls_per_second"] > 0


def test_watch_on_a_terminal_redraws_and_ends_cleanly(load: Load) -> None:
    needs.require("script")
    inner = " ".join(command("--watch", "--interval", "0.2", "--count", "3", *load.pids))
    done = subprocess.run(
        ["script", "-qec", inner, "/dev/null"],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "150", "LINES": "40"},
    )
    assert done.returncode == 0
    assert "\x1b[1A" in done.stdout or "\x1b[2K" in done.stdout
    assert str(load.pids[0]) in done.stdout and str(SERVED) in done.stdout


def test_watch_on_a_terminal_says_that_there_is_nothing() -> None:
    needs.require("script")
    inner = " ".join(command("--watch", "--interval", "0.1", "--count", "2", os.getpid()))
    words = ["script", "-qec", inner, "/dev/null"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "no process has the library" in done.stdout


def entry_of(pid: int, rate: float, command: str = "/usr/bin/server", warnings: tuple[str, ...] = ()) -> Entry:
    record = Record(pid, "active", memory="droppable", calls=1000, bytes=16000, used=1, slots=10240)
    return Entry(pid, command, record, rate, warnings=warnings)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_screen_holds_the_busiest_and_says_what_it_cuts(width: int) -> None:
    entries = [entry_of(pid, pid) for pid in range(1, 41)]
    columns, rows, below = screen(Snapshot(0, tuple(entries), 0), width, 24)
    assert [int(row[0]) for row in rows[:3]] == [40, 39, 38]
    assert len(rows) + len(below) + 2 <= 24
    assert any(
        f"and {40 - len(rows)} more processes, {sum(range(1, 41 - len(rows)))} calls a second" in x for x in below
    )
    assert all(sum(len(cell) + 2 for cell in row) - 2 <= width for row in rows)
    missing = [name for name in COLUMNS if name not in columns]
    assert all(any("no room for" in line and name in line for line in below) for name in missing)
    assert {"PID", "CALLS/S", "COMMAND"} <= set(columns)
    assert missing or width >= 80


def test_a_screen_keeps_both_ends_of_a_command_and_what_is_warned_of() -> None:
    command = f"/usr/bin/java {'-Dsome.thing=1 ' * 30}-jar shop.jar 8080"
    entries = (entry_of(1, 9.0, command), entry_of(2, 0.0, warnings=("its states are gone",)))
    _columns, rows, _below = screen(Snapshot(0, entries, 0), 80, 24)
    assert [row[0] for row in rows] == ["2", "1"]
    assert rows[1][-1].startswith("/usr/bin/java") and rows[1][-1].endswith("8080")


def test_watch_in_60_columns_is_readable(load: Load) -> None:
    needs.require("script")
    inner = f"stty cols 60 rows 4; {' '.join(command('--watch', '--interval', '0.2', '--count', '2', *load.pids))}"
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    done = subprocess.run(
        ["script", "-qec", inner, "/dev/null"],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**environment, "TERM": "xterm"},
    )
    assert done.returncode == 0
    assert "PID" in done.stdout and "CALLS/S" in done.stdout and "no room for BYTES" in done.stdout
    assert "more processes" in done.stdout and "…" not in done.stdout


@needs.root("to unmount /proc for itself")
@pytest.mark.parametrize("words", [("status",), ("status", "1"), ("status", "--watch"), ("scan", "--pid", "1")])
def test_without_proc_it_says_so(words: tuple[str, ...]) -> None:
    inner = " ".join([sys.executable, "-m", "vgetrandom", *words])
    alone = ["unshare", "-m", "sh", "-c", f"umount -l /proc && {inner}"]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr or "umount" in done.stderr:
        needs.another_host("on which mounts of our own can be had")
    assert done.returncode == 2
    assert "/proc is not mounted here" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_ended_process_is_no_error_at_any_moment(native: Compile, library: Path) -> None:
    """Processes come and go all the time while they are looked at."""
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do shuf -i 1-9 >/dev/null & done; wait"
    seen = rounds = 0
    while rounds < 5 or (seen == 0 and rounds < 100):
        rounds += 1
        with subprocess.Popen(["bash", "-c", script], env=environment) as process:
            while process.poll() is None:
                seen += len(take_snapshot().entries)
    assert seen > 0
    with pytest.raises(ProcessGone):
        read_record(process.pid)


def test_a_process_without_the_library_or_none_at_all_is_told_so() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        done = status(process.pid)
        process.kill()
    assert (done.returncode, done.stderr) == (1, f"process {process.pid} does not have the library\n")
    done = status(process.pid)
    assert (done.returncode, done.stderr) == (1, f"process {process.pid} does not exist\n")


@contextlib.contextmanager
def preloading(library: Path) -> Iterator[int]:
    """The pid of cat(1) that has loaded what it is told to."""
    variables = {**os.environ, "LD_PRELOAD": str(library)}
    with subprocess.Popen(["cat"], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"x")
        assert process.stdout.read(1) == b"x"
        yield process.pid
        process.stdin.close()


def test_a_copy_is_known_by_what_it_exports_and_not_by_its_name(library: Path, tmp_path: Path) -> None:
    """Ours under another name is seen; another library under ours is not."""
    copy, other = tmp_path / "random-helper.so", tmp_path / "libvgetrandom.so"
    shutil.copyfile(library, copy)
    with preloading(copy) as pid:
        (entry,) = json.loads(status("--json", pid).stdout)["processes"]
    assert entry["library"] == {"path": str(copy), "replaced": False, "release_now": None}
    assert entry["warnings"] == []
    subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "-o", other, "-"], input="int other;", text=True, check=True)
    with preloading(other) as pid:
        assert status(pid).stderr == f"process {pid} does not have the library\n"


@pytest.mark.parametrize("newer", [True, False])
def test_a_file_that_was_replaced_is_shown_with_both_versions(library: Path, tmp_path: Path, newer: bool) -> None:
    copy = tmp_path / "libvgetrandom.so"
    shutil.copyfile(library, copy)
    with preloading(copy) as pid:
        copy.unlink()
        if newer:
            other = library.read_bytes().replace(f"{RELEASE}\0".encode(), b"9.8.7\0")
            copy.write_bytes(other)
        done, text = status("--json", pid), status(pid)
    (entry,) = json.loads(done.stdout)["processes"]
    assert entry["library"] == {
        "path": f"{copy} (deleted)",
        "replaced": True,
        "release_now": "9.8.7" if newer else None,
    }
    (warning,) = entry["warnings"]
    assert f"release {RELEASE} from {copy}" in warning
    assert ("is of release 9.8.7 now" if newer else "no library is there now") in warning
    assert warning in text.stderr


def test_a_switched_off_library_says_so(native: Compile, library: Path) -> None:
    with running(native("status_load"), library, 0, 0, 10, VGETRANDOM="off") as load:
        record = read_record(load.pids[0])
        assert record
        assert (record.status, record.memory, record.calls, record.slots) == ("off", "none", 0, 10240)
        assert load.end()[load.pids[0]].status == "off"


def test_other_users_processes_are_counted_and_not_shown(load: Load) -> None:
    """As a user who may not look at ours: it says how many it can't see, and fails in nothing."""
    needs.require_root("to become another user")
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        answer = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            snapshot = take_snapshot(load.pids)
            os.write(write_end, f"{snapshot.entries} {snapshot.hidden}".encode())
            answer = 0
        finally:
            os._exit(answer)
    os.close(write_end)
    text = os.read(read_end, 65536).decode()
    os.close(read_end)
    assert os.waitpid(child, 0)[1] == 0
    assert text == f"() {len(load.pids)}"


def test_a_thread_that_ended_leaves_its_calls(native: Compile, library: Path) -> None:
    source = "import os, threading, sys\n"
    source += "t = threading.Thread(target=lambda: [os.getrandom(16) for i in range(500)])\n"
    source += "t.start(); t.join(); print('ready', flush=True); sys.stdin.read()"
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", source], env=environment, stdin=pipe, stdout=pipe) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        record = read_record(process.pid)
        process.kill()
    assert record and 499 <= record.calls < 520


def test_smaps_are_read_with_their_flags() -> None:
    text = (
        "7f00-8f00 rw-p 00000000 00:00 0          [anon:vgetrandom]\n"
        "Size:                  4 kB\nRss:                   4 kB\nVmFlags: rd wr mr mw me nr wf dd dp \n"
        "9000-a000 r-xp 00001000 08:01 77  /usr/lib/with space.so\nRss: 0 kB\nVmFlags: rd ex\n"
    )
    droppable, other = parse_smaps(text)
    assert (droppable.start, droppable.end, droppable.name) == (0x7F00, 0x8F00, "[anon:vgetrandom]")
    assert (droppable.resident, droppable.droppable, other.droppable) == (4096, True, False)
    assert other.name == "/usr/lib/with space.so"


def test_a_process_that_ends_during_a_look_hides_its_library_in_no_other(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "libvgetrandom.so"  # nobody has looked at this file
    shutil.copy(library, own)

    def gone(memory: object, address: int, size: int) -> bytes:
        raise ProcessGone

    environment = {**os.environ, "LD_PRELOAD": str(own)}
    pipe = subprocess.PIPE
    with subprocess.Popen(["cat"], env=environment, stdin=pipe, stdout=pipe) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"loaded\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"loaded\n"
        with monkeypatch.context() as patch:
            patch.setattr(process_record._Memory, "read", gone)
            assert process_record.find_library(process.pid) is None
        found = process_record.find_library(process.pid)
        process.kill()
    assert found and found.path == str(own)


def test_the_states_are_in_droppable_memory(load: Load) -> None:
    record = read_record(load.pids[0])
    assert record
    mappings = state_mappings(load.pids[0], record)
    assert mappings and all(mapping.droppable for mapping in mappings)


def test_count_without_watch_is_a_usage_error() -> None:
    done = status("--count", "3")
    assert (done.returncode, done.stderr) == (2, "vgetrandom: --count goes with --watch\n")


@contextlib.contextmanager
def standing_in(native: Compile, folder: Path, **environment: str) -> Iterator[int]:
    """The pid of a process that has a stand-in for the library, in a file of the library's name."""
    library = folder / "libvgetrandom.so"
    library.write_bytes(
        native("standin", "-shared", "-fPIC", "-Wl,--hash-style=both", output="standin.so").read_bytes()
    )
    variables = {**os.environ, "LD_PRELOAD": str(library), **environment}
    with subprocess.Popen(["sh", "-c", "echo up; read end"], env=variables, stdin=-1, stdout=-1) as process:
        assert process.stdout and process.stdout.readline() == b"up\n"
        yield process.pid
        process.kill()


def test_totals_are_sums_over_the_slots_given(native: Compile, tmp_path: Path) -> None:
    with standing_in(native, tmp_path) as pid:
        record = read_record(pid)
    assert record
    assert (record.calls, record.bytes, record.used, record.slots, record.states) == (12, 192, 3, 10, 2)
    assert record.release == "9.8.7"


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        ("", ()),
        ("ordinary", ("droppable", "wiped at a fork")),
        ("wiped", ("droppable",)),
        ("locked", ()),
        ("locked,ordinary", ("wiped at a fork",)),
    ],
)
def test_memory_that_lost_what_the_states_need_is_warned_of(
    native: Compile, tmp_path: Path, words: str, lost: tuple[str, ...]
) -> None:
    """As after a restore by CRIU older than 4.2."""
    with standing_in(native, tmp_path, STANDIN=words) as pid:
        done = status("--json", pid)
        overview = status()
    (entry,) = json.loads(done.stdout)["processes"]
    if not lost:
        assert entry["warnings"] == [] and done.stderr == ""
        return
    (warning,) = entry["warnings"]
    assert f"not {' and not '.join(lost)}: restored by CRIU" in warning
    assert done.stderr == f"process {pid}: {warning}\n"
    assert f"process {pid}: {warning}\n" in overview.stderr


def test_a_copy_of_another_release_is_named_and_not_misread(native: Compile, tmp_path: Path) -> None:
    with standing_in(native, tmp_path, STANDIN="old") as pid:
        done, text, overview = status("--json", pid), status(pid), status()
    (entry,) = json.loads(done.stdout)["processes"]
    assert entry["status"] == "record version 1" and "calls" not in entry
    assert "of another release: record version 1" in text.stderr and "calls" not in text.stdout
    (line,) = [line for line in overview.stdout.splitlines() if line.split()[0] == str(pid)]
    assert line.split()[1:7] == [*"-----", "record"]


def test_a_library_that_is_not_initialised_says_so(native: Compile, tmp_path: Path) -> None:
    with standing_in(native, tmp_path, STANDIN="early") as pid:
        record = read_record(pid)
    assert record and (record.status, record.calls) == ("not initialised", 0)


def test_words_that_mean_nothing_are_seen(native: Compile, library: Path) -> None:
    with running(native("status_load"), library, 0, 0, 10, VGETRANDOM="nobulk,of,noavx512,soap") as load:
        done = status("--json", load.pids[0])
    (entry,) = json.loads(done.stdout)["processes"]
    assert entry["setting"] == "nobulk,of,noavx512,soap"
    (warning,) = entry["warnings"]
    assert warning.startswith("'of', 'soap' in VGETRANDOM mean nothing to the library")


@pytest.mark.parametrize(
    ("vector", "said"), [("none", "by the vDSO or the system call"), ("SSE2", "made with SSE2"), ("", "none so far")]
)
def test_what_large_requests_are_made_with_is_told(vector: str, said: str) -> None:
    lines = dict(detail_lines(Entry(1, "", Record(1, "active", large=384, vector=vector))))
    assert lines["large requests"].startswith("from 384 bytes on, ") and said in lines["large requests"]


def test_lock_is_shown(native: Compile, library: Path) -> None:
    with running(native("status_load"), library, 0, 0, 10, VGETRANDOM="lock") as load:
        done = status("--json", load.pids[0])
        text = status(load.pids[0]).stdout
        overview = status().stdout
    (entry,) = json.loads(done.stdout)["processes"]
    assert entry["memory"] in ("locked", "lock-refused") and entry["warnings"] == []
    (mapping,) = entry["mappings"]
    assert mapping["wiped_at_fork"]
    assert mapping["locked"] == (entry["memory"] == "locked") != mapping["droppable"]
    (line,) = [line for line in overview.splitlines() if line.split()[0] == str(load.pids[0])]
    assert line.split()[4] == entry["memory"]
    expected = "locked (VGETRANDOM=lock)" if mapping["locked"] else "droppable: VGETRANDOM=lock was refused"
    assert f"memory of the states  {expected}\n" in text

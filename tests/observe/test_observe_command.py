"""`vgetrandom observe` as a command: its ways to end, its errors, its output on every width of terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import needs
import pytest
from command import command_line
from observable import skip_where_nobody_may_observe
from terminals import on_terminal
from vgetrandom.observe import kernel_calls

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT)
BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID = 13, 14


@pytest.fixture(scope="module")
def allowed() -> None:
    """Skips where the kernel does not let us observe."""
    skip_where_nobody_may_observe()


def observe(*words: object, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command, run by `before` where that is given."""
    line = [*before, *command_line("observe", *words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


@contextlib.contextmanager
def drawing(name: str = "") -> Iterator[subprocess.Popen[str]]:
    """A Python process that draws 40 bytes about a thousand times a second; `name`: a last word on its command line."""
    code = "import os, time\nprint(flush=True)\nwhile True: os.getrandom(40); time.sleep(0.001)"
    words = [sys.executable, "-c", code, *([name] if name else [])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def numbers_held(pid: int) -> dict[int, list[int]]:
    """The BPF programs and maps that a process has open, by the command that opens one by its number."""
    held: dict[int, list[int]] = {BPF_PROG_GET_FD_BY_ID: [], BPF_MAP_GET_FD_BY_ID: []}
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            text = path.read_text()
            for command, word in ((BPF_PROG_GET_FD_BY_ID, "prog_id"), (BPF_MAP_GET_FD_BY_ID, "map_id")):
                found = re.search(rf"^{word}:\t(\d+)$", text, re.MULTILINE)
                held[command] += [int(found[1])] if found else []
    return held


def exists(command: int, number: int) -> bool:
    try:
        os.close(kernel_calls.bpf(command, struct.pack("=I", number)))
    except FileNotFoundError:
        return False
    return True


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("number", ENDS, ids=lambda number: signal.Signals(number).name)
def test_nothing_is_left_on_any_way_to_end(number: signal.Signals) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    pipe = subprocess.PIPE
    words = command_line("observe", "--watch", "--seconds", "0.2", "--json")
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        process.stdout.readline()  # it counts
        held = numbers_held(process.pid)
        assert len(set(held[BPF_PROG_GET_FD_BY_ID])) == 1 and len(set(held[BPF_MAP_GET_FD_BY_ID])) == 3
        assert Path("/proc/self/mountinfo").read_text() == mounts
        process.send_signal(number)
        _out, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    expected = {signal.SIGINT: (0, 1), signal.SIGTERM: (143,), signal.SIGHUP: (129,)}.get(number, (-number,))
    assert process.returncode in expected
    deadline = time.monotonic() + 60  # the kernel frees them when no CPU can be in them any more
    while any(exists(command, one) for command, numbers in held.items() for one in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.usefixtures("allowed")
def test_an_interrupt_shows_what_was_counted_until_then() -> None:
    with drawing() as process:
        lines = on_terminal(200, "observe", "--seconds", "600", "--pid", process.pid, interrupt_at=b"Ctrl-C ends it")
    assert any(re.match(rf" *{process.pid} ", line) for line in lines), lines
    assert any(line.startswith("host: ") for line in lines), lines


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("kind", ["tmpfs", "tracefs"])
def test_tracefs_may_be_absent_or_read_only(kind: str) -> None:
    needs.require("unshare")
    place = "/sys/kernel/tracing"
    script = f'mount -t {kind} none {place} 2>&-; mount -o remount,bind,ro {place} && exec "$@"'
    with drawing() as process:
        arguments = ("--seconds", "0.5", "--json", "--pid", process.pid)
        result = observe(*arguments, before=("unshare", "--mount", "sh", "-c", script, "sh"))
    (row,) = json.loads(result.stdout)["processes"]
    assert row["pid"] == process.pid and row["calls_by_size"][2] > 0


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (("setpriv", "--bounding-set=-all", "--inh-caps=-all"), "CAP_SYS_ADMIN"),
        (("unshare", "--user", "--map-root-user"), "CAP_SYS_ADMIN"),
        (("unshare", "--pid", "--fork", "--mount-proc"), "pid namespace"),
    ],
    ids=["capabilities", "user-namespace", "pid-namespace"],
)
@pytest.mark.usefixtures("allowed")
def test_without_the_right_one_line_says_what_is_missing(before: tuple[str, ...], says: str) -> None:
    needs.require(before[0])
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        needs.another_host(f"on which {' '.join(before[:2])} works")
    result = observe("--seconds", "0.2", before=before)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("vgetrandom: ") and says in line
    as_json = observe("--seconds", "0.2", "--json", before=before)
    assert as_json.returncode == 2
    assert f"vgetrandom: {json.loads(as_json.stdout)['error']}" == line


REFUSING = """
import ctypes, errno, os, struct, sys
number, code = int(sys.argv[1]), int(sys.argv[2])
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | code), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(steps), ctypes.addressof(program))), 0, 0) == 0
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("call", "code", "says"),
    [("bpf", 38, "CONFIG_BPF_EVENTS"), ("bpf", 1, "CAP_SYS_ADMIN"), ("perf_event_open", 13, "CAP_SYS_ADMIN")],
)
def test_a_kernel_that_refuses_is_one_line(call: str, code: int, says: str) -> None:
    number = getattr(kernel_calls._numbers(), call)
    result = observe("--seconds", "0.2", before=(sys.executable, "-c", REFUSING, str(number), str(code)))
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert says in line


@pytest.mark.usefixtures("allowed")
def test_a_filter_that_forbids_membarrier_costs_nothing() -> None:
    number = kernel_calls._numbers().membarrier
    with drawing() as process:
        words = ("--seconds", "0.5", "--json", "--pid", process.pid)
        result = observe(*words, before=(sys.executable, "-c", REFUSING, str(number), "22"))
    assert json.loads(result.stdout)["processes"][0]["pid"] == process.pid


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--count", "3"), "--count goes with --watch"),
        (("--pid", "4194304"), "there is no process 4194304"),
        (("--cgroup", "no-such-group.service"), "there is no control group no-such-group.service"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_an_object(words: tuple[str, ...], says: str) -> None:
    result = observe(*words, "--json")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert says in line
    found = json.loads(result.stdout)
    assert found["schema"] == 1 and line == f"vgetrandom: {found['error']}"


@pytest.mark.usefixtures("allowed")
def test_json_has_what_the_table_has(library: Path) -> None:
    with drawing() as process:
        result = observe("--seconds", "1", "--json", "--pid", process.pid)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schema"] == 1 and found["seconds"] >= 1 and found["size_classes"] == [16, 32, 256, 4096, None]
    (row,) = found["processes"]
    assert row["pid"] == process.pid and row["alive"] and row["processes"] == 1
    assert row["command"].startswith(sys.executable) or row["command"].split()[0].endswith(row["name"])
    assert row["calls_by_size"][2] * 40 == row["bytes_by_size"][2]
    assert row["calls"] == sum(row["calls_by_size"]) + row["libc_calls"] <= found["host"]["calls"]
    assert row["cgroup"].startswith("/")
    assert row["verdict"] in ("reached", "partly", "native", "unreachable") and row["judged_by"] == "process"
    if found["prices"]:
        price = found["prices"]["system_call_nanoseconds"]
        assert row["cpu_share"] == pytest.approx(row["calls"] * price[2] / 1e9 / found["seconds"], rel=0.8)
        assert found["observing"]["nanoseconds_a_getrandom"] >= 0
        gains = row["verdict"] in ("reached", "partly") and found["prices"]["library_active"]
        assert (row["gain_share"] > 0) == gains
        assert result.returncode == (0 if gains else 1)


@pytest.mark.usefixtures("allowed")
def test_one_look_after_the_other() -> None:
    with drawing() as process:
        result = observe("--watch", "--seconds", "0.3", "--count", "3", "--json", "--pid", process.pid)
    looks = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(looks) == 3
    assert all(look["processes"][0]["pid"] == process.pid for look in looks)


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of the unified hierarchy."""
    mounted = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
    if not mounted:
        needs.another_host("with a unified hierarchy of control groups (cgroup2)")
    folder = Path(mounted[0][4]) / f"vgetrandom-test-{os.getpid()}.slice" / f"docker-{'0123456789ab' * 5}0123.scope"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        needs.another_host(f"on which control groups can be made: {error.strerror}")
    yield folder
    for path in (folder, folder.parent):
        deadline = time.monotonic() + 30
        while path.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                path.rmdir()


@pytest.mark.usefixtures("allowed")
def test_a_control_group_is_a_container_and_can_be_chosen(group: Path) -> None:
    with drawing() as inside, drawing():
        try:
            (group / "cgroup.procs").write_text(str(inside.pid))
        except OSError as error:
            needs.another_host(f"on which a process can be moved to another control group: {error.strerror}")
        result = observe("--seconds", "0.5", "--json", "--cgroup", group.parent.name)
        rows = json.loads(result.stdout)["processes"]
    assert [row["pid"] for row in rows] == [inside.pid]
    assert rows[0]["container"] == {"runtime": "docker", "name": "0123456789ab" * 5 + "0123"}


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_nothing_is_cut_on_a_terminal(width: int, library: Path) -> None:
    with drawing("the-last-word-of-a-long-command-line") as process:
        lines = on_terminal(width, "observe", "--seconds", "0.5", "--pid", process.pid)
    assert max(map(len, lines)) <= width
    assert any(re.match(rf" *{process.pid} ", line) for line in lines), lines
    whole = "".join(line.strip() for line in lines).replace(" ", "")
    for word in ("PID", "CALLS/S", "CPU%", "GAIN%", "VERDICT", "<=256100%", "lost:", "observing:"):
        assert word in whole or (word == "<=256100%" and "noroomforSIZES" in whole), (word, lines)

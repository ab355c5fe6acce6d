"""What `vgetrandom observe` counts is what programs do: their own numbers, and strace's."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from conftest import Compile
from observable import skip_where_nobody_may_observe
from vgetrandom.observe.counter import Counter
from vgetrandom.observe.demand import Row
from vgetrandom.observe.observing import Look, Observer, observing

CLASS_OF_40 = 2  # the size class of what observe_load asks for: 33 to 256 bytes


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    skip_where_nobody_may_observe()
    with observing() as found:
        yield found


class Looking:
    """A look in a thread of its own, while the test makes programs run."""

    def __init__(self, observer: Observer, pids: tuple[int, ...] = ()) -> None:
        self._observer, self._pids = observer, pids
        self._stop = threading.Event()
        self._began = threading.Event()

    def __enter__(self) -> Looking:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._began.wait(60)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        self.look: Look = self._observer.look(600, self._stop, self._pids, self._began.set)

    def rows(self, name: str) -> list[Row]:
        return [row for row in self.look.rows if row.name == name]


def load(program: Path, *words: object) -> int:
    """Run observe_load; how many calls it says it has made."""
    result = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=300, check=True)
    return int(result.stdout)


def drawn(rows: list[Row]) -> int:
    """Calls of the size that observe_load makes."""
    assert all(row.demand.bytes[CLASS_OF_40] == 40 * row.demand.calls[CLASS_OF_40] for row in rows)
    return sum(row.demand.calls[CLASS_OF_40] for row in rows)


def agree(counted: int, made: int, lost: int) -> bool:
    """What is not counted is stated as lost, and that is next to nothing."""
    return counted <= made <= counted + lost and lost <= made / 100


def test_a_hundred_threads_are_one_process(observer: Observer, native: Compile) -> None:
    program = native("observe_load", output="obs_threads")
    with Looking(observer) as looking:
        made = load(program, "threads", 100, 300)
    rows = looking.rows("obs_threads")
    assert [row.processes for row in rows] == [1]
    assert agree(drawn(rows), made, looking.look.lost)


def test_every_child_of_a_fork_storm_is_counted_and_named(observer: Observer, native: Compile) -> None:
    program = native("observe_load", output="obs_forks")
    with Looking(observer) as looking:
        made = load(program, "forks", 3000, 5)
    rows = looking.rows("obs_forks")
    assert agree(drawn(rows), made, looking.look.lost)
    assert 3000 <= sum(row.processes for row in rows) <= 3001  # the parent draws by libc, or not at all


def test_programs_too_short_to_be_looked_at_are_named_and_judged(observer: Observer, native: Compile) -> None:
    program = native("observe_load", output="obs_short")
    with Looking(observer) as looking:
        for _turn in range(100):
            load(program, "threads", 1, 3)
        for _turn in range(20):
            subprocess.run(["/bin/mktemp", "-u"], stdout=subprocess.DEVNULL, check=True)
    rows = looking.rows("obs_short")
    assert agree(drawn(rows), 300, looking.look.lost)
    assert sum(row.processes for row in rows) == 100
    (row,) = looking.rows("mktemp")
    assert row.processes == 20 and not row.alive
    assert row.opinion.verdict and row.opinion.basis in ("file", "name")


@pytest.mark.parametrize("strace", [pytest.param(True, id="strace"), pytest.param(False, id="alone")])
def test_a_server_under_load(observer: Observer, tmp_path: Path, strace: bool) -> None:
    if strace:
        needs.require("strace")
    counts = tmp_path / "counts"
    tracer = ["strace", "-f", "-c", "-e", "trace=getrandom", "-o", str(counts)] if strace else []
    source = tmp_path / "server.py"
    source.write_text(SERVER)
    with Looking(observer) as looking:
        words = [*tracer, sys.executable, str(source)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout and server.stdin
            pid, port = map(int, server.stdout.readline().split())
            ask(port, 150)
            looking.__exit__()
            server.stdin.close()
            server.wait(60)
    (row,) = [row for row in looking.look.rows if row.pid == pid]
    if strace:
        # "% time, seconds, usecs/call, calls, errors (if any), syscall"
        (made,) = (int(line.split()[3]) for line in counts.read_text().splitlines() if line.endswith(" getrandom"))
        assert agree(row.demand.total, made, looking.look.lost)
    assert agree(drawn([row]), 150 * 20, looking.look.lost)
    assert row.opinion.basis == "process" and row.opinion.verdict


SERVER = """
import http.server, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"".join(os.getrandom(40) for _ in range(20))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(os.getpid(), server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
"""


def ask(port: int, times: int) -> None:
    for _turn in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        assert len(connection.getresponse().read()) == 800
        connection.close()


def test_three_million_calls_at_full_speed(observer: Observer, native: Compile) -> None:
    program = native("observe_load", output="obs_million")
    with Looking(observer) as looking:
        made = load(program, "threads", 2, 1_500_000)
    assert agree(drawn(looking.rows("obs_million")), made, looking.look.lost)


def test_what_there_is_no_room_for_is_stated_as_lost(observer: Observer, native: Compile) -> None:
    program = native("observe_load", output="obs_lost")
    with contextlib.closing(Counter(entries=8)) as counter:
        made = load(program, "forks", 100, 5)
        samples = counter.drain()
        lost = counter.lost
    assert len(samples) == 8 and lost >= 5 * (100 - 8)
    assert sum(sample.calls[CLASS_OF_40] for sample in samples if sample.name == "obs_lost") <= 8 * 5
    assert sum(sum(sample.calls) + sample.libc for sample in samples) + lost >= made


@pytest.mark.slow
def test_a_minute_with_a_million_calls_a_second(observer: Observer, native: Compile) -> None:
    program = native("observe_load", output="obs_minute")
    with Looking(observer) as looking:
        made = load(program, "seconds", 60, 1_000_000)
    assert agree(drawn(looking.rows("obs_minute")), made, looking.look.lost)
    assert looking.look.seconds >= 60


def test_sizes_and_libcs_own_calls_are_told_apart(observer: Observer) -> None:
    sizes = {16: 3, 17: 5, 32: 7, 33: 11, 256: 13, 257: 17, 4096: 19, 4097: 23, 100_000: 29}
    code = f"import os, sys\nfor size, times in {sizes}.items():\n for _ in range(times): os.getrandom(size)\n"
    code += "for _ in range(31): os.getrandom(8, os.GRND_NONBLOCK)\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
    with Looking(observer) as looking:
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-S", "-c", code], stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdout and process.stdin
            pid = int(process.stdout.readline())
            looking.__exit__()
            process.stdin.close()
    (row,) = [row for row in looking.look.rows if row.pid == pid]
    at_least = (3, 5 + 7, 11 + 13, 17 + 19, 23 + 29)
    # The interpreter itself draws at most 24 bytes for its hashes, and 2,496 for `random`, before our code
    differences = [counted - made for counted, made in zip(row.demand.calls, at_least)]
    if not looking.look.lost:
        assert differences[0] == differences[2] == differences[4] == 0
        assert 0 <= differences[1] <= 2 and 0 <= differences[3] <= 2
        assert row.demand.bytes[4] == 23 * 4097 + 29 * 100_000
        assert row.demand.libc >= 31


def test_what_has_the_library_has_nothing_to_gain(observer: Observer, library: Path) -> None:
    code = "import os, sys\nfor _ in range(5000): os.urandom(16)\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
    rows = {}
    for name, preload in (("without", ""), ("with", str(library))):
        environment = {**os.environ, "LD_PRELOAD": preload}
        with Looking(observer) as looking:
            words = [sys.executable, "-c", code]
            pipe = subprocess.PIPE
            with subprocess.Popen(words, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
                assert process.stdout and process.stdin
                pid = int(process.stdout.readline())
                looking.__exit__()
                process.stdin.close()
        (rows[name],) = [row for row in looking.look.rows if row.pid == pid]
    assert not rows["without"].opinion.has_it
    assert rows["with"].opinion.has_it
    assert rows["with"].gain in (0.0, None)


def test_only_the_processes_that_were_asked_for(observer: Observer) -> None:
    code = "import os, time\nprint(flush=True)\nwhile True: os.getrandom(40); time.sleep(0.001)"
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        processes = []
        for _one in range(2):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", code], stdout=pipe, text=True))
            stack.callback(process.kill)
            assert process.stdout
            process.stdout.readline()
            processes.append(process)
        with Looking(observer, (processes[0].pid,)) as looking:
            time.sleep(0.5)
            looking.__exit__()
    assert [row.pid for row in looking.look.rows] == [processes[0].pid]
    assert looking.look.host.total > looking.look.rows[0].demand.total > 0

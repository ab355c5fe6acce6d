"""Real programs do under the library what they did without it: same status, same output but for the random parts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from preloading import Run, run

LIBRARIES = Path("/usr/lib")


def needs(*programs: str) -> None:
    """Skip where one of the programs is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def good(done: Run) -> Run:
    assert done.status == 0, (done.status, done.output[-2000:], done.errors[-2000:])
    assert all(report.status == "active" for report in done.reports)
    return done


def served(done: Run, least: int, threads: int = 0) -> Run:
    """A good run whose draws came from the vDSO: at least so many, and hardly any by the system call.

    But for the first ones, counted in `least`, of as many `threads` as it starts that draw.
    """
    good(done)
    assert done.first_draws == threads, done.reports
    assert done.calls + threads >= least, done.reports
    # OpenSSL and others ask whether the system call is there with a call that must fail.
    assert done.fallbacks <= 2 * len(done.reports), done.reports
    return done


PYTHON_THREADS = """
import os, threading, uuid
drawn = []
def draw():
    drawn.extend([os.urandom(16) for _ in range(500)] + [uuid.uuid4().bytes for _ in range(500)])
threads = [threading.Thread(target=draw) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(drawn), len(set(drawn)))
"""

PYTHON_FORKS = """
import multiprocessing, os, secrets, threading
def draw(number):
    return [os.urandom(16) for _ in range(100)] + [secrets.token_bytes(16) for _ in range(100)]
def main():
    os.urandom(16)
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as pool:
        drawn = [piece for pieces in pool.map(draw, range(20)) for piece in pieces]
        pool.close()
        pool.join()
    print(len(drawn), len(set(drawn)))
main()
"""


def test_python_draws_in_many_threads(library: Path) -> None:
    command = [sys.executable, "-c", PYTHON_THREADS]
    done = served(run(command, library), 20_000, threads=20)
    assert done.text == run(command).text == "20000 20000\n"
    assert done.reports[0].threads == 21


def test_python_draws_in_a_pool_of_forked_processes(library: Path) -> None:
    command = [sys.executable, "-c", PYTHON_FORKS]
    done = good(run(command, library))
    assert done.text == run(command).text == "4000 4000\n"
    assert sum(report.forks == 1 for report in done.reports) == 4, "each worker has left its line"
    assert done.first_draws == 0, "Python's random seeds itself anew in each, by a large request"
    assert done.calls >= 4000


def test_ssh_keygen_makes_keys_that_are_valid_and_differ(library: Path, tmp_path: Path) -> None:
    needs("ssh-keygen")
    for kind in ("ed25519", "ecdsa"):
        keys = set()
        for name in ("one", "two"):
            path = tmp_path / f"{name}-{kind}"
            served(run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], library), 1)
            derived = good(run(["ssh-keygen", "-y", "-f", path])).text.split()[:2]
            assert path.with_suffix(".pub").read_text().split() == derived
            keys.add(derived[1])
        assert len(keys) == 2


def test_openssl_draws_bytes_and_makes_a_key(library: Path) -> None:
    needs("openssl")
    drawn = {served(run(["openssl", "rand", "-hex", "32"], library), 1).text for _ in range(5)}
    assert len(drawn) == 5 and all(re.fullmatch(r"[0-9a-f]{64}\n", text) for text in drawn)
    key = served(run(["openssl", "genpkey", "-algorithm", "ED25519"], library), 1)
    assert "PRIVATE KEY" in run(["openssl", "pkey"], stdin=key.output).text


def test_shuf_gives_permutations(library: Path, tmp_path: Path) -> None:
    needs("shuf")
    command = ["shuf", "-i", "1-1000"]
    done = [served(run(command, library), 1).text.split() for _ in range(3)]
    assert all(sorted(map(int, numbers)) == list(range(1, 1001)) for numbers in done)
    assert done[0] != done[1] != done[2]
    seed = tmp_path / "seed"
    seed.write_bytes(bytes(range(256)) * 40)
    command = ["shuf", "-i", "1-1000", f"--random-source={seed}"]
    assert good(run(command, library)).output == run(command).output


def test_sort_in_random_order_keeps_equal_lines_together(library: Path) -> None:
    needs("sort")
    lines = [f"line {number % 100}" for number in range(300)]
    text = "".join(f"{line}\n" for line in lines).encode()
    orders = []
    for _ in range(2):
        found = served(run(["sort", "-R"], library, stdin=text), 1).text.splitlines()
        assert sorted(found) == sorted(lines)
        assert all(found[at] == found[at + 1] == found[at + 2] for at in range(0, 300, 3))
        orders.append(found)
    assert orders[0] != orders[1]


def test_mktemp_makes_files_and_folders(library: Path, tmp_path: Path) -> None:
    needs("mktemp")
    names = set()
    for options in ([], ["-d"], [], ["-d"]):
        done = good(run(["mktemp", *options, str(tmp_path / "name.XXXXXXXXXX")], library))
        made = Path(done.text.strip())
        assert re.fullmatch(r"name\.[0-9A-Za-z]{10}", made.name)
        assert made.is_dir() if options else made.is_file()
        names.add(made.name)
    assert len(names) == 4


NODE = """
const crypto = require('crypto');
const { Worker, isMainThread, parentPort } = require('worker_threads');
const both = () => [crypto.randomBytes(16).toString('hex'), crypto.randomUUID()];
const draw = () => Array.from({ length: 200 }, both).flat();
if (!isMainThread) parentPort.postMessage(draw());
else {
  let all = draw(), running = 4;
  crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (let i = 0; i < 4; i++) new Worker(process.argv[1]).on('message', some => {
    all = all.concat(some);
    if (--running === 0) console.log(all.length, new Set(all).size);
  });
}
"""


def test_node_draws_in_workers(library: Path, tmp_path: Path) -> None:
    needs("node")
    script = tmp_path / "draws.js"
    script.write_text(NODE)
    done = good(run(["node", script], library))
    assert done.text == run(["node", script]).text == "2000 2000\n"
    assert done.calls + done.fallbacks > 0


def test_gcc_makes_the_same_object(library: Path, tmp_path: Path) -> None:
    needs("gcc")
    (tmp_path / "program.c").write_text('#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
    command = ["gcc", "-O2", "-pipe", "-save-temps=obj", "program.c", "-o", "program"]
    made = []
    for preload in (None, library):
        good(run(command, preload, cwd=tmp_path))
        made.append((tmp_path / "program").read_bytes())
    assert made[0] == made[1]
    assert good(run([tmp_path / "program"], library)).text == "hello\n"


def test_git_makes_the_same_commit(library: Path, tmp_path: Path) -> None:
    needs("git")
    who = {f"GIT_{role}_{field}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    when = {"GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}
    fixed = {**who, **when, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    settings = " ".join(f"export {name}={value};" for name, value in fixed.items())
    script = (
        settings
        + "git init -q . && seq 1000 > file && git add file && git commit -qm one && git gc -q && git rev-parse HEAD"
    )
    commits = []
    for name, preload in (("plain", None), ("preloaded", library)):
        (tmp_path / name).mkdir()
        commits.append(good(run(["sh", "-c", script], preload, cwd=tmp_path / name)).text)
        assert good(run(["git", "fsck", "--strict"], preload, cwd=tmp_path / name)).status == 0
    assert re.fullmatch(r"[0-9a-f]{40}\n", commits[0]) and commits[0] == commits[1]


def allocator(name: str) -> Path:
    for path in sorted(LIBRARIES.rglob(f"{name}.so.*")):
        return path
    pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", ["libjemalloc", "libmimalloc"])
def test_with_another_allocator_preloaded(library: Path, name: str, order: str) -> None:
    """An allocator may draw while it initialises itself, and be called from everywhere."""
    other = allocator(name)
    preload = f"{other}:{library}" if order == "before" else f"{library}:{other}"
    command = [sys.executable, "-c", PYTHON_THREADS + "print(open('/proc/self/maps').read())"]
    done = good(run(command, preload))
    assert done.text.startswith("20000 20000\n") and name in done.text and library.name in done.text
    assert done.first_draws == 20 and done.calls + done.first_draws >= 20_000
    assert good(run([sys.executable, "-c", PYTHON_FORKS], preload)).text == "4000 4000\n"
    sorted_text = good(run(["sort", "-R", "/proc/self/maps"], preload)).text
    assert name in sorted_text


@pytest.mark.parametrize(
    "command", [["/bin/true"], ["/bin/false"], ["sh", "-c", "kill -TERM $$"], ["sh", "-c", "exit 41"]]
)
def test_status_and_signals_are_the_programs_own(library: Path, command: list[str]) -> None:
    plain, preloaded = run(command), run(command, library)
    assert (plain.status, plain.output, plain.errors) == (preloaded.status, preloaded.output, preloaded.errors)


def test_nothing_is_printed_opened_or_changed(library: Path) -> None:
    """The same descriptors, signal dispositions, limits and threads; in the environment only what we set."""
    # Not SigQ, which counts the signals queued for all processes of this user.
    script = (
        "ls -l /proc/self/fd | wc -l; grep -E '^(Sig[^Q]|Shd|Threads|Seccomp|NoNewPrivs)' /proc/self/status; ulimit -a"
    )
    assert run(["sh", "-c", script], library).output == run(["sh", "-c", script]).output
    environment = run(["env"], library).text.splitlines()
    added = set(environment) - set(run(["env"]).text.splitlines())
    assert {line.partition("=")[0] for line in added} == {"LD_PRELOAD", "VGETRANDOM_REPORT"}


def test_breakpoints_of_a_debugger_and_single_steps_work(library: Path) -> None:
    needs("gdb")
    commands = ["set startup-with-shell off", "break getrandom", "run", "stepi 20", "bt 1", "delete", "continue"]
    words = [word for command in commands for word in ("-ex", command)]
    plain = {"DEBUGINFOD_URLS": "", "HOME": "/nonexistent"}
    gdb = [
        "gdb",
        "-q",
        "-nx",
        "-batch",
        f"-ex=set environment LD_PRELOAD {library}",
        *words,
        "--args",
        "sort",
        "-R",
        "/dev/null",
    ]
    done = subprocess.run(gdb, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **plain}, timeout=60)
    assert "exited normally" in done.stdout, done.stdout + done.stderr

"""Real programs do under the library what they did without it: same status, same output but for the random parts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import needs
import pytest
from preloading import Run, run
from witness import Witness, Witnessed, alone

LIBRARIES = Path("/usr/lib")
Done = TypeVar("Done", Run, Witnessed)


def good(done: Done) -> Done:
    assert done.status == 0, (done.status, done.output[-2000:], done.errors[-2000:])
    if isinstance(done, Witnessed):
        assert all(process.status == "active" for process in done.processes)
    return done


def served(done: Witnessed, least: int) -> Witnessed:
    """A good run of which so many draws at least came from the vDSO: all but each thread's first."""
    good(done)
    assert done.calls >= least, done.processes
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


def test_python_draws_in_many_threads(witness: Witness) -> None:
    command = [sys.executable, "-c", PYTHON_THREADS]
    done = served(witness.run(command), 20_000 - 20)
    assert done.text == run(command).text == "20000 20000\n"
    assert 1 <= done.processes[0].slots <= 21


def test_python_draws_in_a_pool_of_forked_processes(witness: Witness) -> None:
    command = [sys.executable, "-c", PYTHON_FORKS]
    done = good(witness.run(command))
    assert done.text == run(command).text == "4000 4000\n"
    workers = [process for process in done.processes if process.forked and process.calls]
    assert len(workers) == 4, "each worker has left its line"
    assert done.calls >= 4000


def test_ssh_keygen_makes_keys_that_are_valid_and_differ(witness: Witness, tmp_path: Path) -> None:
    needs.require("ssh-keygen")
    needs.require_user_name("ssh-keygen")
    for kind in ("ed25519", "ecdsa"):
        keys = set()
        for name in ("one", "two"):
            path = tmp_path / f"{name}-{kind}"
            served(witness.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path]), 1)
            derived = good(run(["ssh-keygen", "-y", "-f", path])).text.split()[:2]
            assert path.with_suffix(".pub").read_text().split() == derived
            keys.add(derived[1])
        assert len(keys) == 2


def test_openssl_draws_bytes_and_makes_a_key(witness: Witness) -> None:
    needs.require("openssl")
    drawn = {good(witness.run(["openssl", "rand", "-hex", "32"])).text for _ in range(5)}
    assert len(drawn) == 5 and all(re.fullmatch(r"[0-9a-f]{64}\n", text) for text in drawn)
    key = good(witness.run(["openssl", "genpkey", "-algorithm", "ED25519"]))
    assert "PRIVATE KEY" in run(["openssl", "pkey"], stdin=key.output).text


def test_shuf_gives_permutations(witness: Witness, tmp_path: Path) -> None:
    needs.require("shuf")
    command = ["shuf", "-i", "1-1000"]
    done = [served(witness.run(command), 1).text.split() for _ in range(3)]
    assert all(sorted(map(int, numbers)) == list(range(1, 1001)) for numbers in done)
    assert done[0] != done[1] != done[2]
    seed = tmp_path / "seed"
    seed.write_bytes(bytes(range(256)) * 40)
    command = ["shuf", "-i", "1-1000", f"--random-source={seed}"]
    assert good(witness.run(command)).output == run(command).output


def test_sort_in_random_order_keeps_equal_lines_together(witness: Witness) -> None:
    needs.require("sort")
    lines = [f"line {number % 100}" for number in range(300)]
    text = "".join(f"{line}\n" for line in lines).encode()
    orders = []
    for _ in range(2):
        found = good(witness.run(["sort", "-R"], stdin=text)).text.splitlines()
        assert sorted(found) == sorted(lines)
        assert all(found[at] == found[at + 1] == found[at + 2] for at in range(0, 300, 3))
        orders.append(found)
    assert orders[0] != orders[1]


def test_mktemp_makes_files_and_folders(witness: Witness, tmp_path: Path) -> None:
    needs.require("mktemp")
    names = set()
    for options in ([], ["-d"], [], ["-d"]):
        done = good(witness.run(["mktemp", *options, str(tmp_path / "name.XXXXXXXXXX")]))
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


def test_node_draws_in_workers(witness: Witness, tmp_path: Path) -> None:
    needs.require("node")
    script = tmp_path / "draws.js"
    script.write_text(NODE)
    done = good(witness.run(["node", script]))
    assert done.text == run(["node", script]).text == "2000 2000\n"


def test_gcc_makes_the_same_object(witness: Witness, tmp_path: Path) -> None:
    needs.require("gcc")
    (tmp_path / "program.c").write_text('#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
    command = ["gcc", "-O2", "-pipe", "-save-temps=obj", "program.c", "-o", "program"]
    made = []
    for run_one in (run, witness.run):
        good(run_one(command, cwd=tmp_path))
        made.append((tmp_path / "program").read_bytes())
    assert made[0] == made[1]
    assert good(witness.run([tmp_path / "program"])).text == "hello\n"


def test_git_makes_the_same_commit(witness: Witness, tmp_path: Path) -> None:
    needs.require("git")
    who = {f"GIT_{role}_{field}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    when = {"GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}
    fixed = {**who, **when, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    settings = " ".join(f"export {name}={value};" for name, value in fixed.items())
    script = (
        settings
        + "git init -q . && seq 1000 > file && git add file && git commit -qm one && git gc -q && git rev-parse HEAD"
    )
    commits = []
    for name, run_one in (("plain", run), ("preloaded", witness.run)):
        (tmp_path / name).mkdir()
        commits.append(good(run_one(["sh", "-c", script], cwd=tmp_path / name)).text)
        assert good(run_one(["git", "fsck", "--strict"], cwd=tmp_path / name)).status == 0
    assert re.fullmatch(r"[0-9a-f]{40}\n", commits[0]) and commits[0] == commits[1]


def allocator(name: str) -> Path:
    found = sorted(LIBRARIES.rglob(f"{name}.so.*"))
    if not found:
        needs.skip(f"{name} is not installed", needs.install(name))
    return found[0]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", ["libjemalloc", "libmimalloc"])
def test_with_another_allocator_preloaded(witness: Witness, name: str, order: str) -> None:
    """An allocator may draw while it initialises itself, and be called from everywhere."""
    beside = {order: allocator(name)}
    command = [sys.executable, "-c", PYTHON_THREADS + "print(open('/proc/self/maps').read())"]
    done = good(witness.run(command, **beside))
    assert done.text.startswith("20000 20000\n") and name in done.text and witness.library.name in done.text
    assert done.calls >= 20_000 - 20
    assert good(witness.run([sys.executable, "-c", PYTHON_FORKS], **beside)).text == "4000 4000\n"
    sorted_text = good(witness.run(["sort", "-R", "/proc/self/maps"], **beside)).text
    assert name in sorted_text


@pytest.mark.parametrize(
    "command", [["/bin/true"], ["/bin/false"], ["sh", "-c", "kill -TERM $$"], ["sh", "-c", "exit 41"]]
)
def test_status_and_signals_are_the_programs_own(library: Path, command: list[str]) -> None:
    plain, preloaded = run(command), alone(command, library)
    assert (plain.status, plain.output, plain.errors) == (preloaded.status, preloaded.output, preloaded.errors)


def test_nothing_is_printed_opened_or_changed(library: Path) -> None:
    """The same descriptors, signal dispositions, limits and threads; in the environment only what we set."""
    # Not SigQ, which counts the signals queued for all processes of this user.
    script = (
        "ls -l /proc/self/fd | wc -l; grep -E '^(Sig[^Q]|Shd|Threads|Seccomp|NoNewPrivs)' /proc/self/status; ulimit -a"
    )
    assert alone(["sh", "-c", script], library).output == run(["sh", "-c", script]).output
    environment = alone(["env"], library).text.splitlines()
    added = set(environment) - set(run(["env"]).text.splitlines())
    assert {line.partition("=")[0] for line in added} == {"LD_PRELOAD"}


def test_breakpoints_of_a_debugger_and_single_steps_work(library: Path) -> None:
    needs.require("gdb")
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

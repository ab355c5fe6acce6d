"""Exit statuses mean the same in all verbs: 0 yes, 1 no, 2 usage or environment, 130 and 143 after a signal.

`run` is the exception: it becomes the command. Where a verb's yes or no takes minutes, its own tests ask for it: the
no of doctor, matrix and clones, the yes of observe, build and prototype.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Vgetrandom, command_line, environment_with
from drawing import draws
from vgetrandom.bench import model
from vgetrandom.cli import VERBS

DRAWS = draws(500)

# A line for each verb; {} is a folder with what the fixture `things` puts there.
YES = {
    "run": "run -- true",
    "check": "check --once -- {python} -c {draws}",
    "scan": "scan {python}",
    "status": "status {served}",
    "conform": "conform native -k interface_errno",
    "bench": "bench compare {}/fast.json {}/fast.json",
    "matrix": "matrix --list",
    "clones": "clones --list",
    "deploy": "deploy image {}/Dockerfile --dry-run",
    "path": "path",
}
NO = {
    "run": "run -- false",
    "check": "check --once -- true",
    "scan": "scan /bin/true",
    "status": "status {unserved}",
    "conform": "conform native -k interface_errno --expect {}/expected",
    "bench": "bench compare {}/fast.json {}/slow.json",
    "deploy": "deploy image {}/Dockerfile --undo",
}
USAGE = {verb: f"{verb} --no-such-option" for verb in VERBS}
ENVIRONMENT = {
    "run": "run --report /nowhere/file -- true",
    "check": "check -- /nowhere/program",
    "scan": "scan /nowhere",
    "observe": "observe --cgroup /nowhere",
    "conform": "conform libc:/nowhere",
    "bench": "bench show /nowhere",
    "prototype": "prototype musl --source /nowhere -o {}/made",
    "matrix": "matrix --table /nowhere --list",
    "clones": "clones --kernel /nowhere",
    "deploy": "deploy image /nowhere/Dockerfile",
    "build": "build --target no-such-target",
}


@pytest.fixture
def things(library: Path, tmp_path: Path) -> Iterator[dict[str, object]]:
    """What the lines name."""
    (tmp_path / "Dockerfile").write_text("FROM debian:12\n")
    (tmp_path / "expected").write_text("interface_errno * fail it passes\n")
    for name, cost in (("fast", 100.0), ("slow", 200.0)):
        beside = {"syscall": (100.0,) * 40, "switches": (0.0,) * 40}
        series = tuple(
            model.Series("latency", key, "getrandom", 16, "ns", (cost if key == model.SHIM else 100.0,) * 40, beside)
            for key in (model.SYSCALL, model.SHIM)
        )
        who = tuple(model.Participant(one.contender, one.contender, "1", "getrandom") for one in series)
        model.save(model.Run({"cpu": "one"}, {"program_scale": 1}, who, series), tmp_path / f"{name}.json")
    waits = [sys.executable, "-c", f"{DRAWS}; print(flush=True); input()"]
    with subprocess.Popen(
        waits, env={**os.environ, "LD_PRELOAD": str(library)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout
        served.stdout.readline()
        yield {"": tmp_path, "python": sys.executable, "draws": DRAWS, "served": served.pid, "unserved": os.getpid()}
        served.communicate("\n")


def status(vgetrandom: Vgetrandom, line: str, things: dict[str, object]) -> int:
    words = [
        word.replace("{}", str(things[""])).format(**{k: v for k, v in things.items() if k}) for word in line.split()
    ]
    result = vgetrandom(*words)
    assert "Traceback" not in result.stderr
    assert result.returncode == 0 or result.stdout or len(result.stderr.splitlines()) == 1 or words[0] == "run"
    return result.returncode


@pytest.mark.parametrize("verb", YES)
def test_yes_is_0(vgetrandom: Vgetrandom, things: dict[str, object], verb: str) -> None:
    if verb == "check" and json.loads(vgetrandom("doctor", "--json").stdout)["vdso"] is None:
        return
    assert status(vgetrandom, YES[verb], things) == 0


@pytest.mark.parametrize("verb", NO)
def test_no_is_1(vgetrandom: Vgetrandom, things: dict[str, object], verb: str) -> None:
    assert status(vgetrandom, NO[verb], things) == 1


def test_doctor_says_by_its_status_what_it_prints(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("doctor", "--json")
    assert result.returncode == (0 if json.loads(result.stdout)["good"] else 1)


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_usage_is_2(vgetrandom: Vgetrandom, things: dict[str, object], verb: str) -> None:
    assert status(vgetrandom, USAGE[verb], things) == 2


@pytest.mark.parametrize("verb", ENVIRONMENT)
def test_what_is_not_there_is_2(vgetrandom: Vgetrandom, things: dict[str, object], verb: str) -> None:
    assert status(vgetrandom, ENVIRONMENT[verb], things) == 2


@pytest.mark.parametrize("verb", ["doctor", "run", "check", "path"])
def test_missing_library_is_2(vgetrandom: Vgetrandom, verb: str) -> None:
    words = ["--", "true"] if verb in ("run", "check") else []
    assert vgetrandom(verb, *words, VGETRANDOM_LIBRARY="/nowhere/libvgetrandom.so").returncode == 2


LASTING = {
    "status": "status --watch --interval 60",
    "conform": "conform native -k interface_errno",
    "bench": "bench --quick --only syscall --measure latency",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", LASTING)
def test_signal_is_128_and_its_number(library: Path, tmp_path: Path, verb: str, number: signal.Signals) -> None:
    """The compiler hangs. Ctrl-C is how `status --watch` ends: with its yes or no."""
    compiler, begun = tmp_path / "hangs", tmp_path / "begun"
    os.mkfifo(begun)
    compiler.write_text(f"#!/bin/sh\necho >{begun}\nexec sleep 600\n")
    compiler.chmod(0o755)
    environment = environment_with(library, CC=str(compiler), VGETRANDOM_CACHE=str(tmp_path))
    process = subprocess.Popen(
        command_line(*LASTING[verb].split()),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    if verb == "status":
        process.stdout.readline()  # the first look
    else:
        begun.read_text()  # waits for the compiler
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    if verb == "status" and number == signal.SIGINT:
        assert process.returncode in (0, 1) and errors == ""
        return
    assert process.returncode == 128 + number
    assert errors.splitlines()[-1] == f"vgetrandom: {'interrupted' if number == signal.SIGINT else 'terminated'}"

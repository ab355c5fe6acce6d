"""Which system calls a marked part of a program made, as strace saw them."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import needs

_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_UNFINISHED = " <unfinished ...>"
_MARK = re.compile(r'-1, "([^"]*)", \d+')


@dataclass(frozen=True)
class Call:
    """One system call; `rest` is the arguments and the result as strace shows them."""

    name: str
    rest: str


def trace(command: Sequence[str | Path], **environment: str) -> Mapping[str, Sequence[Call]]:
    """Run a command to its good end under strace; its calls by the mark that its thread made before them.

    A mark is a write to descriptor -1; calls before any are under "". Skips where strace is not installed.
    """
    strace = needs.require("strace")
    with tempfile.NamedTemporaryFile(prefix="trace-") as log:
        variables = [word for name, value in environment.items() for word in ("-E", f"{name}={value}")]
        plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        words = [strace, "-f", "-qq", "-s", "64", "-o", log.name, *variables, *map(str, command)]
        done = subprocess.run(words, capture_output=True, text=True, env=plain, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return _parts(log.read().decode())


def whole_lines(log: str) -> Sequence[str]:
    """The calls in the order in which they began. strace cuts a call in two when another thread's comes between."""
    lines: list[str] = []
    began: dict[str, int] = {}
    for line in log.splitlines():
        resumed = _RESUMED.match(line)
        if resumed and resumed[1] in began:
            lines[began.pop(resumed[1])] += resumed[2]
            continue
        if line.endswith(_UNFINISHED):
            line = line[: -len(_UNFINISHED)]
            began[line.split(maxsplit=1)[0]] = len(lines)
        lines.append(line)
    return lines


def _parts(log: str) -> Mapping[str, Sequence[Call]]:
    parts: dict[str, list[Call]] = {}
    mark: dict[str, str] = {}
    for line in whole_lines(log):
        found = _CALL.match(line)
        if not found:
            continue
        thread, name, rest = found.groups()
        marked = _MARK.match(rest) if name == "write" else None
        if marked:
            mark[thread] = marked[1]
            parts.setdefault(marked[1], [])  # there even if nothing follows
        else:
            parts.setdefault(mark.get(thread, "unmarked" if mark else ""), []).append(Call(name, rest))
    return parts

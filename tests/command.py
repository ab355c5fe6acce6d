"""The command as a user runs it: in a process of its own, with the library that the tests have built."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Callable

Result = subprocess.CompletedProcess
Vgetrandom = Callable[..., "Result[str]"]


def path_with_scripts() -> str:
    """PATH with the commands of this environment before the others: meson-python and meson look for ninja there."""
    return os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])


def command_line(*words: object) -> list[str]:
    """What to start for `vgetrandom words...`."""
    return [sys.executable, "-m", "vgetrandom", *map(str, words)]


def environment_with(library: Path, **changes: str | None) -> dict[str, str]:
    """Our environment, with the library to use and these changes; None removes a variable."""
    merged = {**os.environ, "VGETRANDOM_LIBRARY": str(library), **changes}
    return {name: value for name, value in merged.items() if value is not None}


def runner_for(library: Path) -> Vgetrandom:
    """vgetrandom(*words, input="", cwd=None, **environment): the finished process, its output as text."""

    def run(*words: object, input: str = "", cwd: Path | None = None, **environment: str | None) -> Result[str]:
        return subprocess.run(
            command_line(*words),
            env=environment_with(library, **environment),
            input=input,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def one_line(result: Result[str]) -> str:
    """The single line that a failed command has for its user."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("vgetrandom: ")
    return lines[0]

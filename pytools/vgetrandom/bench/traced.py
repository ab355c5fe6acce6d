"""What strace(1) writes of a program and all that it starts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .worker import clean_environment


def traced(
    words: Sequence[str],
    environment: Mapping[str, str],
    options: Sequence[str] = (),
    text: bytes = b"",
    seconds: float | None = None,
) -> Sequence[str] | None:
    """The lines of `strace -f` and these options, of a program that is given `text` in an empty folder.

    None where strace is missing or may not trace, or when the program fails or has not ended after so many seconds.
    """
    strace = shutil.which("strace")
    if strace is None:
        return None
    with tempfile.TemporaryDirectory(prefix="vgetrandom-bench-") as folder:
        log = Path(folder, "strace")
        settings = [word for name, value in environment.items() for word in ("-E", f"{name}={value}")]
        try:
            done = subprocess.run(
                [strace, "-f", "-qq", *options, "-o", str(log), *settings, *words],
                cwd=folder,
                env=clean_environment({}),
                input=text,
                capture_output=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0 or not log.exists():
            return None
        return log.read_text(errors="replace").splitlines()

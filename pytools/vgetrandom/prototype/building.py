"""Building a libc into a folder of its own, and saying how far it is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ..errors import VgetrandomError

MARK = "prototype.json"  # in a folder that this verb made
LOG = "build.log"
_REASONS = (
    " error: ",
    " *** ",
    ": undefined reference to ",
    ": multiple definition of ",
)  # the linker's have no "error"
Progress = Callable[[str, int, int], None]  # what is done, steps done, all steps (0: not known)


@dataclass(frozen=True)
class Job:
    """`tree`: the source, edited; `folder`: for objects; `stage`: to install into, as `/`; `output`: the prefix."""

    tree: Path
    folder: Path
    stage: Path
    output: Path
    compiler: Sequence[str]
    static: bool  # also what statically linked programs need
    jobs: int
    progress: Progress


def command(
    job: Job,
    what: str,
    words: Sequence[object],
    steps: int = 0,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run one step of a build in its folder, where each line of output is one. Raises VgetrandomError if it fails."""
    job.progress(what, 0, steps)
    last: deque[str] = deque(maxlen=200)
    process: subprocess.Popen[str] | None = None
    with (job.folder / LOG).open("a", encoding="utf-8") as stream:
        try:
            with _signals_later():
                process = subprocess.Popen(
                    list(map(str, words)),
                    cwd=job.folder,
                    env={**os.environ, "LC_ALL": "C", **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            assert process.stdout
            for number, line in enumerate(process.stdout, 1):
                stream.write(line)
                last.append(line.rstrip())
                job.progress(what, number, steps)
            status = process.wait()
        except BaseException:
            if process:
                _end(process)
            raise
    if status:
        reasons = (line for line in last if any(word in line for word in _REASONS) or line.startswith("Error"))
        why = next(reasons, last[-1] if last else "?")
        raise VgetrandomError(f"{what} failed: {why}; --work DIR keeps the tree and {LOG}")


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """What would end this process waits: a step that has just been started has to be known, to be ended too."""
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    own = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in own:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)
        for caught in came:
            signal.raise_signal(caught)


def _end(process: subprocess.Popen[str]) -> None:
    """End a step with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def count_steps(folder: Path, words: Sequence[object]) -> int:
    """How many lines `make -n` says that a make will print; 0 when it can't tell."""
    done = subprocess.run(
        [*map(str, words), "-n"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return done.stdout.count("\n") if done.returncode == 0 else 0


def require_place(folder: Path, option: str) -> None:
    """Raises VgetrandomError when nothing can be written in a folder, or it can't be made; nothing is left there."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise VgetrandomError(f"{there} can't be written to ({error.strerror}); give {option} another place") from error


def require_free(output: Path) -> None:
    """Raises VgetrandomError unless the folder is empty, not there, or one that this verb made."""
    if output.exists() and not output.is_dir():
        raise VgetrandomError(f"{output} is not a folder; give -o one that is not there yet")
    if output.is_dir() and any(output.iterdir()) and not (output / MARK).is_file():
        raise VgetrandomError(f"{output} is not empty, and no prototype; give -o one that is not there yet")


def put(stage: Path, output: Path, facts: Mapping[str, object]) -> None:
    """What was installed below `stage` takes the place of what is in `output`."""
    made = stage / str(output).lstrip("/")
    (made / MARK).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    if output.exists():
        shutil.rmtree(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(str(made), str(output))

"""Programs of this host, started with the library before anything is written for it.

A library that can't be loaded, that crashes, hangs or says something, or whose bytes are no random ones, must change
nothing on the host.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError
from ..preload.identity import is_mapped, read_mappings, require_usable
from ..preload.launch import with_library, without_library

SECONDS = 30  # a program that takes longer hangs

# Two draws of each kind: none may be zeros, none the same as another.
_DRAWS = """
import os, secrets
draws = [os.urandom(32), os.getrandom(32), secrets.token_bytes(32), os.urandom(32), os.urandom(70000)[-32:]]
assert len({bytes(32), *draws}) == len(draws) + 1 and {len(draw) for draw in draws} == {32}
print("drawn")
"""


@dataclass(frozen=True)
class Attempt:
    """A program with arguments that change nothing, for whom, and what it is, in a word."""

    kind: str
    words: tuple[str, ...]
    user: str = ""  # a name; "": who runs this command

    def __str__(self) -> str:
        return " ".join(self.words) if len(self.words) < 4 else f"{self.words[0]} ({self.kind})"


@dataclass(frozen=True)
class Outcome:
    """How it ended, in words, and what it said."""

    end: str
    output: bytes
    errors: bytes


DRAWING = Attempt("draws", (sys.executable, "-S", "-c", _DRAWS))
ORDINARY = (DRAWING, Attempt("shell", ("sh", "-c", "ls / | wc -l")), Attempt("true", ("true",)))


def outcome(attempt: Attempt, environment: Mapping[str, str]) -> Outcome:
    """Run it. It ends after SECONDS, with all of its session."""
    identity: dict[str, Any] = {}
    if attempt.user:
        identity = {"user": attempt.user, "group": pwd.getpwnam(attempt.user).pw_gid, "extra_groups": []}
    try:
        done = subprocess.run(
            attempt.words,
            env={**environment, "LC_ALL": "C"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            start_new_session=True,
            **identity,
        )
    except subprocess.TimeoutExpired:
        return Outcome(f"no end within {SECONDS} seconds", b"", b"")
    except OSError as error:
        return Outcome(f"no start ({error.strerror})", b"", b"")
    return Outcome(_end(done.returncode), done.stdout, done.stderr)


def _end(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def difference(attempt: Attempt, without: Outcome, with_it: Outcome) -> str:
    """One phrase on what the library changed; "" when nothing."""
    if without.end != with_it.end:
        return f"`{attempt}` ends with {with_it.end}, and without the library with {without.end}"
    if (without.output, without.errors) != (with_it.output, with_it.errors):
        said = with_it.errors if with_it.errors != without.errors else with_it.output
        first = next(iter(said.decode(errors="replace").splitlines()), "nothing")
        return f"`{attempt}` says something else with the library: {first}"
    return ""


def is_loaded(library: Path, environment: Mapping[str, str]) -> bool:
    """Whether a program that is started so has this very file mapped (cat(1), until it has given back a byte)."""
    with subprocess.Popen(
        ["cat"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"x")
        process.stdout.read(1)
        return is_mapped(read_mappings(Path(f"/proc/{process.pid}/maps").read_text()), library)


def require_harmless(library: Path, attempts: Sequence[Attempt] = ORDINARY) -> None:
    """Raises VgetrandomError (status 1) when a program of this host is not the same with the library preloaded."""
    require_usable(library)
    plain = without_library(os.environ)
    preloaded = with_library(plain, library)
    for attempt in attempts:
        wrong = difference(attempt, outcome(attempt, plain), outcome(attempt, preloaded))
        if wrong:
            raise refusal(wrong)
    if not is_loaded(library, preloaded):
        raise refusal(f"{library} is not loaded into a program that is started with it")


def refusal(wrong: str) -> VgetrandomError:
    """What to tell after a trial that failed."""
    return VgetrandomError(f"{wrong}; nothing is written", 1)

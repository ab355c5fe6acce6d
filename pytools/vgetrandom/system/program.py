"""Which file a command line runs in the end, and what keeps the library from reaching it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from .elf import privilege, read_elf
from .files import read_regular

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as a shell exits
_HEAD = 256  # bytes of a script that the kernel looks at: BINPRM_BUF_SIZE
_DEPTH = 5  # scripts run by scripts: exec_binprm() of Linux


@dataclass(frozen=True)
class Program:
    """A command that was found.

    path        what to execute, letter by letter as a shell would say it: a script sees it as its $0
    executable  the ELF file that the kernel runs for it: itself, or what its #! line leads to
    obstacle    why the library can't reach it, as a sentence that begins with a file; "" if it can
    """

    path: str
    executable: Path
    obstacle: str


def find_program(command: Sequence[str], environment: Mapping[str, str], library: Path) -> Program:
    """Find the command's program as execvp(3) does, and look at what it is.

    Raises VgetrandomError with the status of a shell: 127 when there is no such program, 126 when it can't be run.
    """
    path = _executable(command[0], environment)
    executable, arguments = _interpreter(path, list(command[1:]))
    if executable.name == "env":
        wrapped = _env_command(arguments)
        if wrapped is None:
            return Program(path, executable, f"{executable} -i empties the environment, LD_PRELOAD with it")
        found = _find(wrapped[0], environment) if wrapped else None
        if found:
            executable, arguments = _interpreter(found, wrapped[1:])
    return Program(path, executable, _obstacle(executable, library))


def _find(name: str, environment: Mapping[str, str]) -> str | None:
    """The first executable file of that name; else the first file; None when there is none."""
    if "/" in name:
        return name if _mode(name) is not None else None
    places = environment.get("PATH", os.defpath).split(os.pathsep)
    files = [path for path in (f"{place or '.'}/{name}" for place in places) if stat.S_ISREG(_mode(path) or 0)]
    return next((path for path in files if os.access(path, os.X_OK)), files[0] if files else None)


def _mode(path: str) -> int | None:
    """stat(2)'s; None when there is no such file; 0 when we may not know."""
    try:
        return Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0


def _executable(name: str, environment: Mapping[str, str]) -> str:
    path = _find(name, environment) if name else None
    if path is None:
        where = "there is no such file" if "/" in name else "no such program on PATH"
        raise VgetrandomError(f"{name or repr(name)}: {where}", NOT_FOUND)
    mode = _mode(path) or 0
    if stat.S_ISDIR(mode):
        raise VgetrandomError(f"{path} is a folder, not a program", NOT_EXECUTABLE)
    if mode and not stat.S_ISREG(mode):
        raise VgetrandomError(f"{path} is no file, and can't be run", NOT_EXECUTABLE)
    if not mode:
        raise VgetrandomError(f"{path} can't be reached: permission denied", NOT_EXECUTABLE)
    if not os.access(path, os.X_OK):
        raise VgetrandomError(f"{path} is not executable; chmod +x makes it so", NOT_EXECUTABLE)
    return path


def _interpreter(path: str, arguments: list[str]) -> tuple[Path, list[str]]:
    """Follow #! lines (execve(2)) to the file that is not a script, with the arguments that it gets."""
    for _ in range(_DEPTH):
        words = _shebang(path)
        if not words:
            return Path(path), arguments
        if _mode(words[0]) is None:
            raise VgetrandomError(f"{path} wants the interpreter {words[0]}, which is not there", NOT_EXECUTABLE)
        arguments = [*words[1:], path, *arguments]
        path = words[0]
    raise VgetrandomError(f"{path} is a script of a script of a script: too deep for the kernel", NOT_EXECUTABLE)


def _shebang(path: str) -> list[str]:
    """The interpreter and its one argument; empty when the file is not a script or can't be read."""
    try:
        head = read_regular(Path(path), _HEAD)
    except OSError:
        return []
    if not head.startswith(b"#!"):
        return []
    return [os.fsdecode(word) for word in head[2:].split(b"\n")[0].strip().split(None, 1)]


def _env_command(arguments: Sequence[str]) -> list[str] | None:
    """What env(1) would run, as far as can be told; None when it would empty the environment first."""
    rest = list(arguments)
    while rest and (rest[0].startswith("-") or "=" in rest[0]):
        word = rest.pop(0)
        if word in ("-i", "-", "--ignore-environment"):
            return None
        if word.startswith("-S"):  # with its text, from a #! line, or before it
            rest = [*word[2:].split(), *rest] if word[2:] else [*" ".join(rest[:1]).split(), *rest[1:]]
        elif word in ("-u", "-C", "--unset", "--chdir"):
            rest = rest[1:]
    return rest


def _obstacle(executable: Path, library: Path) -> str:
    try:
        elf, ours = read_elf(executable), read_elf(library)
        raised = privilege(executable)
    except OSError:
        return ""  # can be run but not read: nothing is known
    if raised:
        return f"{executable} is {raised}: the loader ignores LD_PRELOAD there"
    if elf is None or ours is None:
        return ""
    if not elf.loads(ours):
        return f"{executable} is a {elf} program, and the library is {ours}"
    if elf.static:
        return f"{executable} is statically linked: no library can be preloaded"
    return ""

"""`vgetrandom run`: become a command with the library preloaded."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import re
import sys
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import require_library, require_plain
from ..preload.launch import execute, own_environment, require_sanitizer_first, with_library, with_reports
from ..preload.library import library_path, reporter_path
from ..preload.settings import SWITCH, complaint
from ..system.program import NOT_EXECUTABLE, find_program
from .command_argument import add_command, command_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="refuse a command that the library can't reach")
    parser.add_argument("--off", action="store_true", help="preload, but answer by system calls (VGETRANDOM=off)")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="append a line of JSON to FILE, or to the open descriptor fd:N, for every process that exits",
    )
    add_command(parser)
    parser.epilog = (
        "Exit status and signals are the command's own; 127: no such program, 126: it can't be run. "
        "SIGPIPE is at its default in the command. For a service, put LD_PRELOAD into its environment instead."
    )


def run(args: argparse.Namespace) -> int:
    command = command_of(args, "run")
    library = require_library(library_path())
    require_plain(library)
    environment = with_library(own_environment(), library)
    if args.report:
        environment = with_reports(environment, reporter_path(), _destination(args.report))
    if args.off:
        environment[SWITCH] = "off"
    unknown = complaint(environment.get(SWITCH, ""))
    if unknown:
        print(f"vgetrandom: {unknown}", file=sys.stderr)
        sys.stderr.flush()
    program = find_program(command, environment, library)
    require_sanitizer_first(program, environment)
    if program.obstacle and args.strict:
        raise VgetrandomError(f"{program.obstacle}; without --strict it would run as it is", NOT_EXECUTABLE)
    if program.obstacle:
        print(f"vgetrandom: {program.obstacle}; running it as it is", file=sys.stderr)
        sys.stderr.flush()
    execute(program, command, environment)


def _destination(name: str) -> str:
    """The report's absolute path or fd:N, once it is certain that it can be written. A file that is missing is made."""
    try:
        if name.startswith("fd:"):
            _require_descriptor(name[len("fd:") :])
            return name
        _require_file(Path(name))
        return str(Path(name).absolute())
    except OSError as error:
        raise VgetrandomError(f"can't write the report {name}: {error.strerror}") from None


def _require_file(path: Path) -> None:
    """Raises OSError when it can't be written. A FIFO may be without a reader yet: that one is not opened."""
    if path.is_fifo():
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
    os.close(os.open(path, flags, 0o666))


def _require_descriptor(number: str) -> None:
    """Raises VgetrandomError when it is no number; OSError when the command will not have it, or not for writing."""
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise VgetrandomError(f"can't write the report fd:{number}; fd: takes the number of an open descriptor")
    mode = fcntl.fcntl(int(number), fcntl.F_GETFL) & os.O_ACCMODE
    if mode == os.O_RDONLY or not os.get_inheritable(int(number)):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

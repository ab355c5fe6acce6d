"""`vgetrandom run`: become a command with the library preloaded."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.launch import SWITCH, execute, own_environment, with_library
from ..preload.library import library_path
from ..system.program import NOT_EXECUTABLE, find_program
from .command_argument import add_command, command_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="refuse a command that the library can't reach")
    parser.add_argument("--off", action="store_true", help="preload, but answer by system calls (VGETRANDOM=off)")
    parser.add_argument(
        "--report", metavar="FILE", help="append a line of JSON for every process that exits (VGETRANDOM_REPORT)"
    )
    add_command(parser)
    parser.epilog = (
        "Exit status and signals are the command's own; 127: no such program, 126: it can't be run. "
        "SIGPIPE is at its default in the command. For a service, put LD_PRELOAD into its environment instead."
    )


def run(args: argparse.Namespace) -> int:
    command = command_of(args, "run")
    library = library_path()
    environment = with_library(own_environment(), library, _report(args.report))
    if args.off:
        environment[SWITCH] = "off"
    program = find_program(command, environment, library)
    if program.obstacle and args.strict:
        raise VgetrandomError(f"{program.obstacle}; without --strict it would run as it is", NOT_EXECUTABLE)
    if program.obstacle:
        print(f"vgetrandom: {program.obstacle}; running it as it is", file=sys.stderr)
        sys.stderr.flush()
    execute(program, command, environment)


def _report(name: str | None) -> str:
    """The report's absolute path or fd:N, once it is certain that it can be written."""
    if not name:
        return ""
    try:
        if name.startswith("fd:"):
            os.fstat(int(name[3:]))
            return name
        with Path(name).open("a"):
            return str(Path(name).absolute())
    except OSError as error:
        raise VgetrandomError(f"can't write the report {name}: {error.strerror}") from None
    except ValueError:
        raise VgetrandomError(f"can't write the report {name}; fd: takes the number of an open descriptor") from None

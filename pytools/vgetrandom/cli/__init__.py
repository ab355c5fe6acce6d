"""The `vgetrandom` command: a table of verbs, and nothing else.

Each verb is a module here with two functions: `add_arguments(parser)` and `run(args) -> int`
(the exit status: 0 yes, 1 no, 2 usage or environment error). SIGINT ends a verb with 130, SIGTERM with 143, unless the
verb has a better use for Ctrl-C: what it has found until then.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import itertools
import json
import os
import signal
import sys
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from ..errors import Terminated, VgetrandomError

ERROR_SCHEMA = 1  # of the object that stands for an error
VERBS = {
    "doctor": "can this host use it, and what would it gain?",
    "run": "run a command with the library preloaded",
    "check": "does a command take less time with the library, beyond noise?",
    "scan": "from their files alone: which programs would it reach?",
    "observe": "which processes of this running host would it help, and how much?",
    "status": "which processes have the library, and what does it do in them?",
    "conform": "ask any libc whether its getrandom keeps its promises",
    "bench": "measure every way to get random bytes, side by side",
    "prototype": "a libc of your own, built from its source with an allocator of your choice",
    "matrix": "run conform under QEMU: kernels, architectures and libcs",
    "clones": "two clones of one running virtual machine: who repeats?",
    "deploy": "put it into a service, an image, a pod or a whole host; take it out again",
    "build": "build the library for another target, or with sanitizers",
    "path": "print the library's path, for LD_PRELOAD",
}


def _version() -> str:
    try:
        return importlib.metadata.version("vgetrandom")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # run from the source tree


class _Parser(argparse.ArgumentParser):
    """Wrong options are one line, as everything that goes wrong here."""

    as_json = False

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """What a variable leaves that is not set: a file '' would be this folder, --root '' the host."""
        if "" in arg_strings and action.nargs not in (argparse.REMAINDER, argparse.PARSER):
            raise argparse.ArgumentError(action, "an empty word; is a variable not set?")
        return super()._get_values(action, arg_strings)

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(f"{message}; see {self.prog} --help", 2, _Parser.as_json))


def _fail(message: str, status: int, as_json: bool) -> int:
    """Say what is wrong in one line, and to whoever reads JSON as an object, too; returns the status."""
    print(f"vgetrandom: {message}", file=sys.stderr)
    if as_json:
        print(json.dumps({"schema": ERROR_SCHEMA, "error": message, "exit_status": status}))
        sys.stdout.flush()
    return status


def _wants_json(words: Sequence[str]) -> bool:
    """Whether --json asks for JSON on standard output: an option of its own, before a command that follows."""
    options = list(itertools.takewhile(lambda word: word != "--", words))
    return "--json" in options and options[0] != "bench"  # there it names a file


class _Version(argparse._VersionAction):
    """The release of the command, and which build of the library it has."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from ..preload.identity import identify
        from ..preload.library import library_path

        try:
            build_id = identify(library_path()).build_id or "none"
            print(f"vgetrandom {_version()}, library with build id {build_id}")
        except VgetrandomError as error:
            print(f"vgetrandom {_version()}, no library: {error}")
        parser.exit()


def whole_parser() -> argparse.ArgumentParser:
    """With the arguments of every verb: for the manual and the shells' completion (pytools/manual.py)."""
    return _parser(set(VERBS))


def _parser(chosen: Collection[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="vgetrandom", description="Serve a program's requests for random bytes from the kernel's vDSO getrandom."
    )
    parser.add_argument("--version", action=_Version, version=_version())
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, summary in VERBS.items():
        verb = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        if name in chosen:
            module = importlib.import_module(f".{name}", __package__)
            module.add_arguments(verb)
            verb.set_defaults(run=module.run, parser=verb)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = [word for word in words if not word.startswith("-")][:1]
    _replace_closed_streams()
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # nohup(1) has it ignored
        signal.signal(signal.SIGHUP, _terminate)
    as_json = _Parser.as_json = _wants_json(words)
    args = argparse.Namespace(verb="")
    try:
        args, unknown = _parser(chosen).parse_known_args(words)
        if unknown:
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except VgetrandomError as error:
        # Only `run` becomes the command, and ends as a shell would: 126 and 127.
        return _fail(str(error), error.status if args.verb == "run" else min(error.status, 2), as_json)
    except Terminated as end:
        with contextlib.suppress(OSError):  # SIGHUP: the terminal is gone
            print("vgetrandom: terminated", file=sys.stderr)
        return 128 + end.number
    except KeyboardInterrupt:
        print("vgetrandom: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141  # the reader went away (`| head`)
    except OSError as error:  # a full disk, no temporary folder, ...: what no verb foresaw
        where = f"{error.filename}: " if error.filename else ""
        with contextlib.suppress(OSError):  # the full disk may be where our output goes
            return _fail(f"{where}{error.strerror or error}", 2, as_json)
        return 2
    finally:
        _flush_or_discard()


def _flush_or_discard() -> None:
    """What can't be written now must not be tried by the interpreter at its end, which complains and ends with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, frame: object) -> None:
    raise Terminated(number)


def _replace_closed_streams() -> None:
    """Where a stream was closed for us (`>&-`), Python has None, and print() would take another one.

    The replacements are closed on exec: a command that we become gets what we were given.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")

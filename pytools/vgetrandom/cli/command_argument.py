"""The words after `--`, for the verbs that run a command."""

from __future__ import annotations

import argparse

from ..errors import VgetrandomError


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add CMD and its arguments, which may look like options."""
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ...", help="the command to run")


def command_of(args: argparse.Namespace, verb: str) -> list[str]:
    """The command as typed. Raises VgetrandomError when there is none."""
    words: list[str] = args.command
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise VgetrandomError(f"nothing to run; for example: vgetrandom {verb} -- ssh-keygen -f new-key")
    return words

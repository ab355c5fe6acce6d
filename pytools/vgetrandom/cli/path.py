"""`vgetrandom path`: print where the library is, for scripts."""

from __future__ import annotations

import argparse

from ..preload.library import library_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "For example: LD_PRELOAD=$(vgetrandom path) some-program"


def run(args: argparse.Namespace) -> int:
    print(library_path())
    return 0

"""`vgetrandom path`: print where the library is, for scripts."""

from __future__ import annotations

import argparse

from ..preload.identity import require_plain
from ..preload.library import library_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "For example: LD_PRELOAD=$(vgetrandom path) some-program"


def run(args: argparse.Namespace) -> int:
    library = library_path()
    require_plain(library)
    print(library)
    return 0

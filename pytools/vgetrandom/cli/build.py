"""`vgetrandom build`: compile the library for this host or another target."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.builder import SANITIZERS, build_library, parse_target
from ..preload.library import LIBRARY_NAME, source_path
from .file_arguments import output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        metavar="ARCH-linux-LIBC",
        help="cross-compile with PyPI's ziglang, for example aarch64-linux-musl (default: this host)",
    )
    parser.add_argument(
        "--sanitize",
        metavar="LIST",
        default="",
        help=f"for developers: build with sanitizers, a comma between them ({', '.join(SANITIZERS)})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=output_file,
        metavar="FILE",
        help=f"default: ./{LIBRARY_NAME}; the reporter lies beside it",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the build prints")


def run(args: argparse.Namespace) -> int:
    target = None if args.target is None else parse_target(args.target, source_path())
    sanitize = [name for name in args.sanitize.split(",") if name]
    unknown = set(sanitize) - set(SANITIZERS)
    if unknown:
        raise VgetrandomError(f"no sanitizer {', '.join(sorted(unknown))}; there are {', '.join(SANITIZERS)}")
    print(build_library(args.output or Path(LIBRARY_NAME), target, sanitize, args.verbose))
    return 0

"""`vgetrandom prototype`: a libc of your own, built from its source with an allocator of your choice."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import VgetrandomError
from ..output.console import Console
from ..prototype.allocator import NAMES
from ..prototype.run import LIBCS, Order, Outcome, make
from .number_arguments import jobs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("libc", nargs="?", metavar="LIBC", help=f"which libc: {' or '.join(LIBCS)}")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--source", type=Path, metavar="DIR", help="its source tree, which stays as it is")
    where.add_argument(
        "--release", metavar="NAME", help="a version, or a suite of Debian (trixie, sid): fetch the source from there"
    )
    parser.add_argument(
        "--allocator",
        default="slots",
        metavar="NAME|FILE.c",
        help=f"who may use which state: {', '.join(NAMES)} (the libc as it is), or a file of yours (default: slots)",
    )
    parser.add_argument("--no-bulk", action="store_true", help="large requests as others: no vectors")
    parser.add_argument("--patch", type=Path, metavar="FILE", help="write the same as a patch against that source")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="build, and leave the libc in this folder")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep source and objects here; a second time is quick")
    parser.add_argument(
        "--no-static", action="store_true", help="nothing for statically linked programs: half the time"
    )
    parser.add_argument(
        "-j", "--jobs", type=jobs, default=os.cpu_count() or 1, metavar="N", help="compile N files at once"
    )


def run(args: argparse.Namespace) -> int:
    if args.libc not in LIBCS:
        raise VgetrandomError(f"name the libc to build: {' or '.join(LIBCS)}")
    if args.source is None and args.release is None:
        raise VgetrandomError(f"say where the source of {args.libc} is: --source DIR or --release NAME")
    if args.output is None and args.patch is None:
        raise VgetrandomError("name what to make: -o DIR for a libc, --patch FILE for a patch")
    order = Order(
        args.libc,
        args.source,
        args.release,
        args.allocator,
        not args.no_bulk,
        args.patch,
        args.output.absolute() if args.output else None,
        args.work.absolute() if args.work else None,
        not args.no_static,
        args.jobs,
    )
    columns = (TextColumn("{task.description:32}"), BarColumn(), TimeElapsedColumn())
    hidden = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as shown:
        task = shown.add_task("", total=None)

        def step(what: str, done: int, steps: int) -> None:
            shown.update(task, description=what, completed=done, total=steps or None)

        outcome = make(order, step)
    for line in _lines(order, outcome):
        print(line)
    return 0


def _lines(order: Order, outcome: Outcome) -> list[str]:
    name = f"{order.libc} {outcome.version}, {outcome.allocator}"
    lines = [f"edits      {outcome.size}"] if outcome.size else []
    if order.patch:
        lines.append(f"patch      {order.patch}: try it with `git apply --check` in the source of {order.libc}")
    if order.output:
        lines.append(f"built      {name}, in {order.output}, in {outcome.seconds:.0f} s")
        lines += [f"size       {file}: {text}" for file, text in outcome.sizes]
        label = f"{order.libc}-{outcome.allocator}={order.output}"
        also = f" static:{label}" if any(order.output.rglob("libc.a")) else ""
        lines.append(f"next       vgetrandom conform libc:{label}{also}; vgetrandom bench --libc {label}")
    return lines

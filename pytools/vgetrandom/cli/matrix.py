"""`vgetrandom matrix`: the conformance suite across kernels, architectures and libcs under QEMU."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..conformance.cases import cases_folder, read_cases
from ..conformance.runner import PROFILES
from ..errors import VgetrandomError
from ..matrix import page, report, saved
from ..matrix.cells import TABLE, Cell, choose, read_cells, with_kernel, with_libc
from ..matrix.run import CellResult, Plan, Prepared, not_run, obstacle, prepare, run_cell
from ..output import page as page_file
from ..output.console import Console
from ..output.document import replace_section, section_of
from ..output.table import print_table
from ..system.debian import cache_folder
from ..system.threads import wait_for
from .file_arguments import input_file, output_file
from .number_arguments import jobs, minutes, patience

LIST_SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list the cells and which of them this host can't run")
    parser.add_argument(
        "--only",
        metavar="CELL",
        action="append",
        default=[],
        help="only these cells, for example 'aarch64/*/musl'; may be repeated",
    )
    parser.add_argument(
        "-k", metavar="PATTERN", dest="pattern", default="", help="only these cases, as in conform, in every cell"
    )
    parser.add_argument("--profile", choices=PROFILES[:2], default="quick", help="how much each case does")
    parser.add_argument(
        "-j", "--jobs", type=jobs, default=1, metavar="N", help="guests at once, two threads each (default: 1)"
    )
    parser.add_argument(
        "--limit", type=minutes, default=60, metavar="MINUTES", help="end a cell after so long (default: 60)"
    )
    parser.add_argument(
        "--patience", type=patience, default=10, metavar="N", help="multiply the cases' watchdogs (default: 10)"
    )
    parser.add_argument("--arch", default=platform.machine(), help="of --kernel and --libc (default: this host's)")
    parser.add_argument(
        "--kernel", type=input_file, metavar="FILE", help="boot this kernel image instead of the table's"
    )
    parser.add_argument("--libc", type=Path, metavar="DIR", help="with this libc instead of the table's")
    parser.add_argument(
        "--table", type=input_file, default=TABLE, metavar="FILE", help=f"the cells, in TOML (default: {TABLE})"
    )
    parser.add_argument("--qemu", type=Path, metavar="DIR", help="take the emulators from this folder")
    parser.add_argument("--consoles", type=Path, metavar="DIR", help="keep each cell's whole console here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write a report for a browser")
    parser.add_argument("--junit", type=output_file, metavar="FILE", help="write JUnit XML")
    parser.add_argument(
        "--document",
        type=output_file,
        metavar="FILE",
        help="put the latest result of every cell between the marks in a document",
    )


def run(args: argparse.Namespace) -> int:
    cells = _cells(args)
    if args.list:
        _list(cells, args)
        return 0
    if args.document:
        section_of(args.document, saved.BEGIN)  # better now than after an hour
    if args.html:
        page_file.check(args.html)
    if args.junit:
        page_file.check(args.junit, "--junit")
    cache = cache_folder()
    plan = Plan(
        cases=read_cases(cases_folder(), args.pattern),
        cache=cache,
        consoles=(args.consoles or cache / "matrix" / "consoles").absolute(),
        profile=args.profile,
        limit=args.limit * 60,
        patience=args.patience,
        qemu=args.qemu,
        jobs=args.jobs,
        everywhere=bool(args.pattern),
    )
    kept = cache / "matrix" / "results"
    own = args.kernel or args.libc
    found = _run(cells, plan, args.jobs, None if own else kept)
    if args.html:
        page_file.write(args.html, page.as_page(found, plan.profile))
    if args.junit:
        _write(args.junit, report.as_junit(found))
    if args.document:
        cells = read_cells(args.table)
        replace_section(args.document, saved.BEGIN, saved.as_markdown(cells, saved.load(cells, kept)))
    if args.json:
        print(json.dumps(report.as_json(found, plan.profile), indent=2))
    else:
        print_table(report.COLUMNS, report.rows(found))
        print("".join(f"{line}\n" for line in report.failures(found)), end="")
    outcomes = {result.outcome for result in found}
    return 1 if "fail" in outcomes else 0 if "pass" in outcomes else 2


def _list(cells: Sequence[Cell], args: argparse.Namespace) -> None:
    missing = {cell.name: obstacle(cell, args.qemu) for cell in cells}
    if args.json:
        rows = [{"cell": cell.name, "missing": missing[cell.name] or None, "note": cell.kernel.note} for cell in cells]
        print(json.dumps({"schema": LIST_SCHEMA, "cells": rows}, indent=2))
    else:
        table = [(cell.name, missing[cell.name] or "can be tried", cell.kernel.note) for cell in cells]
        print_table(("cell", "on this host", "note"), table)


def _cells(args: argparse.Namespace) -> list[Cell]:
    cells = read_cells(args.table)
    if args.kernel:
        cells = with_kernel(cells, args.arch, args.kernel)
    if args.libc:
        cells = with_libc(cells, args.arch, args.libc)
    return choose(cells, args.only)


def _run(cells: Sequence[Cell], plan: Plan, jobs: int, kept: Path | None) -> list[CellResult]:
    """Prepare all, saying what can't be run, then boot; progress on standard error where that is a terminal.

    Each result is saved in the folder `kept` at once: whoever interrupts the rest keeps it.
    """
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description:48}"), BarColumn(), TimeElapsedColumn())
    stopped = threading.Event()
    results: dict[str, CellResult] = {}
    ready: dict[Cell, Prepared] = {}
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        preparing = progress.add_task("preparing", total=len(cells))
        for cell in cells:

            def note(part: str, name: str = cell.name) -> None:
                progress.update(preparing, description=f"{name}: {part}")

            note("fetching")
            try:
                if why := obstacle(cell, plan.qemu):
                    raise VgetrandomError(why)
                ready[cell] = prepare(cell, plan, note)
            except VgetrandomError as error:
                results[cell.name] = not_run(cell, str(error))
                console.print(f"{cell.name}: not run: {error}", style="yellow", soft_wrap=True)
            progress.advance(preparing)
        progress.remove_task(preparing)

        def one(cell: Cell, prepared: Prepared) -> None:
            task = progress.add_task(cell.name, total=len(plan.cases_of(cell)) + 1)
            result = _one(cell, prepared, plan, progress, task, stopped)
            progress.remove_task(task)
            if stopped.is_set():
                return  # cut short: it says nothing about the cell
            results[cell.name] = result
            if kept:
                saved.save([result], plan.profile, plan.everywhere, kept)
            style = {"pass": "green", "fail": "bold red"}[result.outcome]
            console.print(f"{cell.name}: {result.outcome} in {result.seconds:.0f} s", style=style, soft_wrap=True)

        with ThreadPoolExecutor(jobs) as pool:
            try:
                wait_for([pool.submit(one, *pair) for pair in ready.items()])
            except BaseException:
                stopped.set()
                pool.shutdown(cancel_futures=True)
                raise
    return [results[cell.name] for cell in cells]


def _one(
    cell: Cell, prepared: Prepared, plan: Plan, progress: Progress, task: TaskID, stopped: threading.Event
) -> CellResult:
    def started(name: str) -> None:
        progress.update(task, advance=1, description=f"{cell.name}: {name}")

    return run_cell(cell, prepared, plan, started, stopped)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error

"""`vgetrandom scan`: what the library would reach in programs, from their files alone."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ..errors import VgetrandomError
from ..output.console import Console
from ..output.table import print_table, printable
from ..scan.document import scan_object
from ..scan.processes import judge_processes
from ..scan.survey import Row, Survey, Target, Trouble, survey
from ..scan.targets import Named, find_targets
from ..scan.text import COLUMNS, STYLES, cells, complaints, shown_rows, summary
from ..scan.verdict import Verdict
from .number_arguments import pid

_EPILOG = """verdicts:
  reached      its random calls go to the library when that is preloaded
  partly       some do; the reason names what doesn't
  native       its libc or runtime uses the vDSO already: nothing to gain
  unreachable  static, set-uid, file capabilities, a runtime with its own system calls, another architecture, or
               no random calls

exit status: 0 something would be reached or partly reached, 1 nothing would, 2 an error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `scan`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a program, a library, or a folder (recursively)")
    parser.add_argument("--pid", type=pid, action="append", default=[], help="a running process, as it is loaded now")
    parser.add_argument(
        "--package", metavar="NAME", action="append", default=[], help="files of a Debian or RPM package"
    )
    parser.add_argument("--all", action="store_true", help="every program in the folders of PATH")
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="the system in DIR instead of this host: paths, names and libraries are looked up inside",
    )
    parser.add_argument("--verdict", metavar="WORD", action="append", help="show only this verdict; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON object with every detail")


def run(args: argparse.Namespace) -> int:
    """Scan what the options name, print, and tell by the exit status whether anything would be reached."""
    wanted = _wanted_verdicts(args.verdict)
    if not (args.paths or args.pid or args.package or args.all):
        raise VgetrandomError("nothing to scan; name files or folders, or give --pid, --package or --all")
    troubles: list[Trouble] = []
    targets, explicit = find_targets(Named(args.paths, args.package, args.all, args.root or ""), troubles)
    found = _survey(targets)
    rows = [*judge_processes(args.pid, troubles), *found.rows]
    troubles += found.troubles
    if args.json:
        print(json.dumps(scan_object(rows, troubles, found.other), indent=1))
    else:
        _print_text(rows, troubles, found.other, wanted, explicit)
    gained = any(row.judgement.verdict in (Verdict.REACHED, Verdict.PARTLY) for row in rows)
    return 0 if gained else 1 if rows or not troubles else 2


def _wanted_verdicts(words: Sequence[str] | None) -> list[Verdict]:
    try:
        return [Verdict(word) for text in words or () for word in text.split(",")]
    except ValueError as error:
        known = ", ".join(verdict.value for verdict in Verdict)
        raise VgetrandomError(f"no such verdict: {error.args[0].split(chr(39))[1]}; give one of {known}") from error


def _survey(targets: Sequence[Target]) -> Survey:
    library_path = os.environ.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
    console = Console(stderr=True)
    if not console.is_terminal or len(targets) < 100:
        return survey(targets, library_path)
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=len(targets))
        return survey(targets, library_path, lambda done, known: bar.update(task, completed=done, total=known))


def _print_text(
    rows: Sequence[Row], troubles: Sequence[Trouble], other: int, wanted: Sequence[Verdict], explicit: set[str]
) -> None:
    shown = shown_rows(rows, wanted, explicit)
    print_table(COLUMNS, cells(shown), [STYLES[row.judgement.verdict] for row in shown])
    for complaint in complaints(rows, troubles, explicit):
        print(printable(complaint), file=sys.stderr)
    print(summary(rows, troubles, other, len(rows) - len(shown)))

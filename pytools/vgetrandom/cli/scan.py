"""`vgetrandom scan`: what the library would reach in programs, from their files alone."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ..errors import VgetrandomError
from ..output.console import Console
from ..output.table import print_table, printable
from ..scan.closure import Root
from ..scan.elf_facts import Kind, Problem, read_facts
from ..scan.packages import package_files
from ..scan.processes import is_secure, process_closure
from ..scan.survey import Row, Survey, Target, Trouble, distinct, files_below, files_in, judge_file, survey
from ..scan.verdict import SUPPORTED, Judgement, Verdict

_SCHEMA = 1
_FEW = 10  # rows up to which plugins are named in the table
_STYLES = {
    Verdict.REACHED: "green",
    Verdict.PARTLY: "yellow",
    Verdict.NATIVE: "cyan",
    Verdict.UNREACHABLE: "dim",
}
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
    parser.add_argument("--pid", type=int, action="append", default=[], help="a running process, as it is loaded now")
    parser.add_argument(
        "--package", metavar="NAME", action="append", default=[], help="files of a Debian or RPM package"
    )
    parser.add_argument("--all", action="store_true", help="every program in the folders of PATH")
    parser.add_argument("--root", metavar="DIR", help="what the programs take for /; by default the host's")
    parser.add_argument("--verdict", metavar="WORD", action="append", help="show only this verdict; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON object with every detail")


def run(args: argparse.Namespace) -> int:
    """Scan what the options name, print, and tell by the exit status whether anything would be reached."""
    wanted = _wanted_verdicts(args.verdict)
    if not (args.paths or args.pid or args.package or args.all):
        raise VgetrandomError("nothing to scan; name files or folders, or give --pid, --package or --all")
    troubles: list[Trouble] = []
    targets, explicit = _targets(args, troubles)
    found = _survey(targets)
    rows = [*_process_rows(args.pid, troubles), *found.rows]
    troubles += found.troubles
    if args.json:
        _print_json(rows, troubles, found.other)
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


def _targets(args: argparse.Namespace, troubles: list[Trouble]) -> tuple[list[Target], set[str]]:
    """What to judge, and which of it was named one by one."""
    if args.root and not Path(args.root).is_dir():
        raise VgetrandomError(f"--root {args.root} is no folder; name the folder that stands for /")
    root = Root(str(Path(args.root).resolve()) if args.root else "/")
    targets: list[Target] = []
    explicit: set[str] = set()
    for name in args.paths:
        try:
            path = _existing(name)
        except OSError as error:
            troubles.append(Trouble(name, (error.strerror or str(error)).lower()))
            continue
        if path is None:
            troubles.append(Trouble(name, "no such file or folder, here or on PATH"))
        elif Path(path).is_dir():
            own_root = Root(path, fallback=True) if not args.root and _is_package_layout(Path(path)) else root
            targets += [Target(file, own_root) for file in files_below(path, troubles)]
        else:
            explicit.add(path)
            targets.append(Target(path, root))
    for name in args.package:
        targets += [Target(path, root) for path in package_files(name) if Path(path).is_file()]
    if args.all:
        targets += [Target(path, root) for path in files_in(os.get_exec_path())]
    return distinct(targets, explicit), explicit


def _existing(name: str) -> str | None:
    """The path of a file or folder, here or on PATH; None when there is none. Raises OSError where we may not look."""
    if Path(name).exists():
        return str(Path(name).resolve()) if Path(name).is_dir() else str(Path(name).absolute())
    return shutil.which(name) if "/" not in name else None


def _is_package_layout(folder: Path) -> bool:
    """Whether a folder holds an unpacked package or a system: then it is what its programs take for `/`."""
    return folder != Path("/") and os.access(f"{folder}/usr/", os.X_OK)


def _survey(targets: Sequence[Target]) -> Survey:
    library_path = os.environ.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
    console = Console(stderr=True)
    if not console.is_terminal or len(targets) < 100:
        return survey(targets, library_path)
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=len(targets))
        return survey(targets, library_path, lambda done, known: bar.update(task, completed=done, total=known))


def _process_rows(pids: Iterable[int], troubles: list[Trouble]) -> list[Row]:
    rows = []
    for pid in pids:
        try:
            closure = process_closure(pid)
        except VgetrandomError as error:
            troubles.append(Trouble(f"process {pid}", str(error)))
            continue
        privilege = "secure execution" if is_secure(pid) else ""
        rows.append(judge_file(f"{closure.program.seen_as} [{pid}]", closure, privilege))
    return rows


def _order(row: Row) -> tuple[int, str]:
    return list(Verdict).index(row.judgement.verdict), row.path


def _print_text(
    rows: Sequence[Row], troubles: Sequence[Trouble], other: int, wanted: Sequence[Verdict], explicit: set[str]
) -> None:
    """A table of what was asked for: without --verdict, files without random calls only when they were named."""
    shown = [row for row in sorted(rows, key=_order) if _is_shown(row, wanted, explicit)]
    cells = [(row.judgement.verdict.value, row.path, _remarks(row, len(shown) <= _FEW)) for row in shown]
    print_table(("VERDICT", "FILE", "WHY"), cells, [_STYLES[row.judgement.verdict] for row in shown])
    for trouble in troubles:
        print(printable(f"{trouble.path}: {trouble.message}"), file=sys.stderr)
    for path in sorted(explicit - {row.path for row in rows} - {trouble.path for trouble in troubles}):
        print(printable(f"{path}: {_why_not_judged(path)}"), file=sys.stderr)
    print(_summary(rows, troubles, other, len(rows) - len(shown)))


def _is_shown(row: Row, wanted: Sequence[Verdict], explicit: set[str]) -> bool:
    if wanted:
        return row.judgement.verdict in wanted
    return row.judgement.reason != "no random calls" or row.path in explicit or row.path.endswith("]")


def _remarks(row: Row, in_full: bool) -> str:
    """The reason, then what limits it."""
    judgement = row.judgement
    remarks = [judgement.reason]
    if judgement.preloaded:
        remarks.append("the library is loaded")
    if row.missing:
        remarks.append(f"not found: {', '.join(row.missing[:4])}")
    if judgement.not_followed and judgement.verdict is not Verdict.UNREACHABLE:
        by = f": {'; '.join(judgement.not_followed)}" if in_full else ""
        remarks.append(f"plugins not followed{by}")
    if row.facts.partial:
        remarks.append("too large: only its beginning was read")
    return " | ".join(remarks)


def _why_not_judged(path: str) -> str:
    found = read_facts(path)
    if isinstance(found, Problem):
        return found.message
    with Path(path).open("rb") as stream:
        line = stream.read(256).split(b"\n")[0]
    if line.startswith(b"#!"):
        interpreter = line[2:].decode(errors="replace").strip()
        return f"a script: scan its interpreter, {interpreter}"
    return "not an ELF program or library"


def _summary(rows: Sequence[Row], troubles: Sequence[Trouble], other: int, hidden: int) -> str:
    counts = Counter(row.judgement.verdict for row in rows)
    parts = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict]
    silent = f" ({hidden} not shown)" if hidden else ""
    tail = "".join(
        f", {number} {what}" for number, what in ((len(troubles), "unreadable"), (other, "not ELF")) if number
    )
    return f"{len(rows)} files: {', '.join(parts)}{silent}{tail}"


def _print_json(rows: Sequence[Row], troubles: Sequence[Trouble], other: int) -> None:
    counts = Counter(row.judgement.verdict for row in rows)
    document = {
        "schema": _SCHEMA,
        "files": [_row_object(row) for row in sorted(rows, key=_order)],
        "problems": [{"path": trouble.path, "message": trouble.message} for trouble in troubles],
        "summary": {**{verdict.value: counts[verdict] for verdict in Verdict}, "not_elf": other},
    }
    print(json.dumps(document, indent=1))


def _row_object(row: Row) -> dict[str, Any]:
    facts, judgement = row.facts, row.judgement
    return {
        "path": row.path,
        "kind": facts.kind.value,
        "machine": SUPPORTED.get(facts.machine, facts.machine.replace("EM_", "").lower()),
        "bits": facts.bits,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "libc": _libc_object(judgement),
        "glibc_required": facts.glibc if facts.kind is not Kind.STATIC else "",
        "go": facts.go_version if facts.go else None,
        "calls": [{"file": call.file, "call": call.call, "served_by": call.served.value} for call in judgement.calls],
        "plugins_not_followed": list(judgement.not_followed),
        "not_found": list(row.missing),
        "preloaded": judgement.preloaded,
        "partly_read": facts.partial,
    }


def _libc_object(judgement: Judgement) -> dict[str, Any]:
    return {
        "name": judgement.libc.name,
        "version": judgement.libc.version,
        "native_calls": sorted(judgement.libc.native),
    }

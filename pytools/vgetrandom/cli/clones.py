"""`vgetrandom clones`: two clones of one running virtual machine: who repeats, and for how long?"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ..clones import page, report
from ..clones.cells import Guest, Note, Plan, prepare, run_all
from ..clones.contenders import DISK, HOST, Contender, choose, of_program, read_table
from ..clones.guest import Amount
from ..clones.host_files import files_of
from ..clones.run import ABSENT, SAME
from ..clones.verdict import judge
from ..errors import VgetrandomError
from ..output import page as page_file
from ..output.console import Console
from ..output.document import replace_section, section_of
from ..output.table import print_table
from ..preload.library import library_path
from ..system.debian import cache_folder
from ..system.program import find_program
from .file_arguments import input_file, output_file
from .number_arguments import Whole, jobs, minutes, times

LIST_SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list the contenders and the kernels")
    parser.add_argument(
        "--contender", metavar="NAME", action="append", default=[], help="only this one, or 'vget*'; may be repeated"
    )
    parser.add_argument("--clones", type=Whole(2, 64), default=2, metavar="N", help="clones of a snapshot (default: 2)")
    parser.add_argument(
        "--cell",
        metavar="KERNEL/N",
        action="append",
        default=[],
        help="for example '6.12/1': N processors; may be repeated",
    )
    parser.add_argument(
        "--control",
        choices=(SAME, ABSENT),
        action="append",
        help="only this control: the source's generation, or no device (default: both)",
    )
    parser.add_argument("--kernel", type=input_file, metavar="FILE", help="boot this kernel image")
    parser.add_argument(
        "--module",
        type=input_file,
        metavar="FILE",
        action="append",
        default=[],
        help="load this kernel module first; may be repeated",
    )
    parser.add_argument(
        "--initramfs", type=input_file, metavar="FILE", help="run PROGRAM in this root file system: a cpio archive"
    )
    parser.add_argument(
        "--disk", type=Path, metavar="FILE", help="run PROGRAM from this disk image, raw or qcow2, which is only read"
    )
    parser.add_argument(
        "--file",
        type=Path,
        metavar="PATH",
        action="append",
        default=[],
        help="also needed by PROGRAM of this host; may be repeated",
    )
    parser.add_argument("--draws", type=times, default=5000, metavar="N", help="after the snapshot (default: 5000)")
    parser.add_argument("--lines", type=times, default=250, metavar="N", help="of programs that print (default: 250)")
    parser.add_argument(
        "--milliseconds",
        type=Whole(1, 3_600_000),
        default=3000,
        metavar="N",
        help="of the guest's clock, at most (default: 3000)",
    )
    parser.add_argument(
        "--memory", type=Whole(64, 1 << 20), default=1280, metavar="MIB", help="of the guest (default: 1280)"
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=jobs,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="guests at once (default: processors of this host)",
    )
    parser.add_argument(
        "--limit", type=minutes, default=30, metavar="MINUTES", help="end everything after so long (default: 30)"
    )
    parser.add_argument("--qemu", type=Path, metavar="DIR", help="take the emulator from this folder")
    parser.add_argument("--consoles", type=Path, metavar="DIR", help="keep what every machine said here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write a report for a browser")
    parser.add_argument(
        "--document", type=output_file, metavar="FILE", help="put the tables between the marks in a document"
    )
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="-- PROGRAM ...", help="a contender that prints an id a line"
    )


def run(args: argparse.Namespace) -> int:
    if args.list:
        _list(args.json)
        return 0
    if args.document:
        section_of(args.document, report.BEGIN)  # better now than after ten minutes
    if args.html:
        page_file.check(args.html)
    contenders, host = _contenders(args)
    cache = cache_folder()
    plan = Plan(
        contenders=contenders,
        amount=Amount(args.draws, args.lines, args.milliseconds),
        clones=args.clones,
        controls=args.control or [SAME, ABSENT],
        memory=args.memory,
        limit=args.limit * 60,
        consoles=(args.consoles or cache / "clones" / "consoles").absolute(),
        jobs=args.jobs,
        qemu=args.qemu,
    )
    guest = Guest(args.cell, args.kernel, args.module, args.initramfs, args.disk and args.disk.absolute(), host)
    with _progress() as note:
        cells, failed = run_all(prepare(guest, plan, cache, note), plan, note)
    verdict = judge(contenders, cells)
    if args.document:
        replace_section(args.document, report.BEGIN, report.as_markdown(contenders, cells))
    if args.html:
        page_file.write(args.html, page.as_page(contenders, cells, verdict, plan, failed))
    if args.json:
        print(json.dumps(report.as_json(contenders, cells, verdict, failed), indent=2))
    else:
        for cell in cells:
            print(f"{report.heading(cell)}\n")
            print_table(report.COLUMNS, report.rows(report.taking_part(contenders, cell), cell))
            print()
        lines = [*(f"not run: {why}" for why in failed), *report.words(verdict)]
        print("".join(f"{line}\n" for line in lines), end="")
    return {"yes": 0, "no": 1, "invalid": 2}[verdict.word]


@contextlib.contextmanager
def _progress() -> Iterator[Note]:
    """A line for each guest, with what is going on in it; nothing where standard error is no terminal."""
    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:

        def note(where: str, what: str) -> None:
            text = f"{where}: {what}"
            if where in tasks:
                progress.update(tasks[where], description=text)
            else:
                tasks[where] = progress.add_task(text, total=None)

        yield note


def _contenders(args: argparse.Namespace) -> tuple[list[Contender], dict[str, Path]]:
    """Those of the table, and the user's program; its files, where it is one of this host."""
    chosen = choose(read_table().contenders, args.contender)
    words = args.program[1:] if args.program[:1] == ["--"] else list(args.program)
    if args.initramfs and args.disk:
        raise VgetrandomError("PROGRAM runs in one place; give --initramfs or --disk")
    if not words:
        if args.initramfs or args.disk or args.file:
            raise VgetrandomError("--initramfs, --disk and --file are for a PROGRAM; name it behind --")
        return chosen, {}
    if not args.contender:
        chosen = choose(chosen, ["vgetrandom", "syscall"])
    if args.initramfs or args.disk:
        if not words[0].startswith("/"):
            raise VgetrandomError(f"{words[0]} is not in a file system of this host; name it by its whole path there")
        return [*chosen, *of_program(words, DISK if args.disk else "", True)], {}
    program = find_program(words, os.environ, library_path())
    host = files_of(program, args.file)
    return [*chosen, *of_program([str(Path(program.path).absolute()), *words[1:]], HOST, not program.obstacle)], host


def _list(as_json: bool) -> None:
    table = read_table()
    if as_json:
        contenders = [
            {"contender": one.name, "what": one.label, "library": one.library, "everywhere": one.everywhere}
            for one in table.contenders
        ]
        kernels = [{"kernel": kernel.name, "debian": kernel.release} for kernel in table.kernels]
        print(json.dumps({"schema": LIST_SCHEMA, "contenders": contenders, "kernels": kernels}, indent=2))
        return
    print_table(
        ("contender", "what", "with the library", "everywhere"),
        [
            (one.name, one.label, "yes" if one.library else "no", "yes" if one.everywhere else "no")
            for one in table.contenders
        ],
    )
    print()
    print_table(("kernel", "Debian"), [(kernel.name, kernel.release) for kernel in table.kernels])

"""`vgetrandom conform`: ask any libc whether its getrandom keeps its promises."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..conformance import page, report, results
from ..conformance.cases import Case, cases_folder, read_cases
from ..conformance.expected import read_expected
from ..conformance.results import Result
from ..conformance.runner import PROFILES, Plan, Runner
from ..conformance.targets import HELP, Target, parse_targets
from ..errors import VgetrandomError
from ..output import page as page_file
from ..output.console import Console
from ..preload.library import library_path
from ..system.debian import cache_folder
from .file_arguments import input_file, output_file
from .number_arguments import Whole, jobs, minutes, patience, times

_PIPE_WIDTH = 200  # columns of the table where there is no terminal


LIST_SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", default=["shim"], help=f"{HELP} (default: shim); several make a matrix")
    parser.add_argument(
        "-k", metavar="PATTERN", dest="pattern", default="", help="only cases whose name contains or matches this"
    )
    parser.add_argument("--list", action="store_true", help="list the cases with their promises, and stop")
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="how much each case does (default: quick)")
    parser.add_argument(
        "--repeat", type=times, default=1, metavar="N", help="run every case N times, each with a new seed"
    )
    parser.add_argument(
        "--minutes", type=minutes, default=10, metavar="M", help="soak: repeat everything for so long (default: 10)"
    )
    parser.add_argument(
        "--seed", type=Whole(0, (1 << 64) - 1, base=0), help="repeat a run with the seed that it printed"
    )
    parser.add_argument("-j", "--jobs", type=jobs, default=os.cpu_count() or 1, metavar="N", help="cases at once")
    parser.add_argument(
        "--patience", type=patience, default=1, metavar="N", help="multiply the watchdogs, for slow wrappers"
    )
    parser.add_argument(
        "--library", type=input_file, metavar="FILE", help="preload this build instead of the installed one"
    )
    parser.add_argument("--cases", type=Path, metavar="DIR", help="run the cases of this folder instead")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--tap", action="store_true", help="print TAP 14")
    parser.add_argument(
        "--expect",
        type=input_file,
        metavar="FILE",
        help="known failures, a line each with its reason; passing is an error",
    )
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write a report for a browser")
    parser.add_argument("--junit", type=output_file, metavar="FILE", help="write JUnit XML")


def run(args: argparse.Namespace) -> int:
    folder = args.cases or cases_folder()
    if not folder.is_dir():
        raise VgetrandomError(f"{folder} is not a folder; --cases needs one with conformance cases")
    cases = read_cases(folder, args.pattern)
    if args.list:
        if args.json:
            print(json.dumps({"schema": LIST_SCHEMA, "cases": report.list_object(cases)}, indent=2))
        else:
            report.print_list(_console(), cases)
        return 0
    if args.junit:
        page_file.check(args.junit, "--junit")
    if args.html:
        page_file.check(args.html)
    plan = Plan(
        cases=cases,
        targets=_targets(args.target, args.library),
        profile=args.profile,
        repeat=args.repeat,
        jobs=args.jobs,
        seed=args.seed,
        patience=args.patience,
        deadline=args.minutes * 60 if args.profile == "soak" else 0,
        expected=read_expected(args.expect, [case.name for case in read_cases(folder)]) if args.expect else (),
    )
    runner = Runner(plan, cache_folder())
    try:
        found = _run_with_progress(runner)
    except KeyboardInterrupt:
        if runner.results:
            _report(args, runner)
        raise
    _report(args, runner)
    return 1 if any(result.bad for result in found) else 0


def _report(args: argparse.Namespace, runner: Runner) -> None:
    found, identities = runner.results, runner.identities
    written = {target.name: target.written for target in runner.plan.targets}
    options = _again(args)

    def again(result: Result) -> str:
        return report.repeat_command(result, written[result.target], options)

    if args.json:
        print(
            json.dumps(
                results.as_json(found, args.profile, {one.target: one.as_json() for one in identities}), indent=2
            )
        )
    elif args.tap:
        print(results.as_tap(found), end="")
    else:
        report.print_results(_console(), found, again, identities)
    if args.html:
        page_file.write(args.html, page.as_page(found, identities, again, args.profile))
    if args.junit:
        text = results.as_junit(found, {one.target: str(one) for one in identities})
        args.junit.write_text(text, encoding="utf-8")


def _again(args: argparse.Namespace) -> list[str]:
    """The options that decide what a single case does: for the command that repeats it."""
    given = {name: getattr(args, name) for name in ("profile", "patience", "library", "cases")}
    usual = {"profile": "quick", "patience": 1}
    return [word for name, value in given.items() if value != usual.get(name) for word in (f"--{name}", str(value))]


def _targets(names: Sequence[str], library: Path | None) -> list[Target]:
    if library and not library.is_file():
        raise VgetrandomError(f"{library} is not a file; --library takes a build of libvgetrandom.so")
    needs_shim = any("shim" in name for name in names)
    shim = library.resolve() if library else library_path() if needs_shim else None
    return parse_targets(names, shim)


def _run_with_progress(runner: Runner) -> list[Result]:
    """Build and run; progress on standard error where that is a terminal."""
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    plan = runner.plan
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        families = len({target.family for target in plan.targets})
        building = progress.add_task("compiling", total=len(plan.cases) * families)
        programs = runner.build(lambda name: progress.update(building, advance=1, description=f"compiled {name}"))
        progress.remove_task(building)
        running = progress.add_task("running", total=len(plan.cases) * len(plan.targets) * plan.repeat)

        def started(case: Case, target: Target) -> None:
            progress.update(running, description=case.name)

        def finished(result: Result) -> None:
            progress.advance(running)
            if result.bad:
                progress.console.print(f"{result.case.name} against {result.target}: {result.outcome}", style="red")

        try:
            return runner.run(programs, started, finished)
        except BaseException:
            runner.stop()
            raise


def _console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else _PIPE_WIDTH, soft_wrap=not terminal, highlight=False)

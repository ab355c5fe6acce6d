"""`vgetrandom bench`: every way to get random bytes, side by side in one run."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..bench import compare, markdown, model, page, plot, tables, terminal
from ..bench.contenders import all_contenders
from ..bench.emulated import ARCHITECTURES
from ..bench.run import MEASURES, measure
from ..bench.session import FULL, QUICK
from ..errors import VgetrandomError
from ..output import page as page_file
from .file_arguments import input_file, output_file
from .number_arguments import Whole, Wholes

# The largest takes a processor a third of a second a draw, and a quick run of three contenders minutes.
_SIZES = Wholes(Whole(1, 256 << 20))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "`bench show FILE` prints an earlier run, `bench compare FILE FILE` two of them; each has its own --help."
    )
    parser.add_argument(
        "--quick", action="store_true", help="under a minute instead of some minutes; fewer sizes and samples"
    )
    parser.add_argument(
        "--libc",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="another libc, as it is and with the library: a folder, or a Debian release such as trixie; called NAME, "
        "or else by its version; may be repeated",
    )
    parser.add_argument(
        "--contender", action="append", default=[], type=input_file, metavar="FILE", help="another contender: a C file"
    )
    parser.add_argument(
        "--only", type=_names, default=[], metavar="KEY,...", help="only these contenders (--list names them)"
    )
    parser.add_argument("--without", type=_names, default=[], metavar="KEY,...", help="all but these contenders")
    parser.add_argument(
        "--measure",
        type=_names,
        default=list(MEASURES),
        metavar="NAME,...",
        help=f"of {', '.join(MEASURES)} (default: all)",
    )
    parser.add_argument(
        "--size",
        type=_SIZES,
        default=[],
        metavar="BYTES,...",
        help="latency of draws of these sizes instead of the usual",
    )
    parser.add_argument(
        "--arch",
        type=_names,
        default=[],
        metavar="NAME,...",
        help="count instructions of draws on these architectures, too, under an emulator; all: on each; needs ziglang, "
        "and fetches kernels and an emulator from Debian",
    )
    parser.add_argument("--list", action="store_true", help="list the contenders, and stop")
    parser.add_argument(
        "--library",
        type=input_file,
        metavar="FILE",
        help="measure this build of the library instead of the installed one",
    )
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="keep all samples; `bench show` and `bench compare` read them"
    )
    _add_showing(parser)
    actions = parser.add_subparsers(dest="action", metavar="")
    show = actions.add_parser("show", help="print an earlier run")
    show.add_argument("file", type=input_file, help="what --json wrote")
    _add_showing(show)
    show.set_defaults(action=_show)
    both = actions.add_parser(
        "compare", help="what is faster or slower in the second run; exit status 1 if anything is slower"
    )
    both.add_argument("first", type=input_file, metavar="A.json")
    both.add_argument("second", type=input_file, metavar="B.json")
    both.add_argument("--all", action="store_true", help="also what did not change")
    both.set_defaults(action=_compare)


def run(args: argparse.Namespace) -> int:
    if args.action:
        status: int = args.action(args)
        return status
    return _measure(args)


def _measure(args: argparse.Namespace) -> int:
    unknown = set(args.measure) - MEASURES.keys()
    if unknown:
        raise VgetrandomError(f"there is no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    emulate = list(ARCHITECTURES) if args.arch == ["all"] else args.arch
    if set(emulate) - ARCHITECTURES.keys():
        raise VgetrandomError(f"--arch {','.join(args.arch)}: there are {', '.join(ARCHITECTURES)}, and all")
    if args.library and not args.library.is_file():
        raise VgetrandomError(f"{args.library} is not a file; --library takes a build of libvgetrandom.so")
    if args.plot:
        plot.check(args.plot)
    if args.html:
        page_file.check(args.html)
    if args.json:
        page_file.check(args.json, "--json")
    if args.document:
        markdown.check(args.document)
    contenders = all_contenders(args.libc, args.contender)
    known = {contender.key for contender in contenders}
    wrong = {*args.only, *args.without, args.baseline} - known
    if wrong:
        raise VgetrandomError(f"there is no contender {', '.join(sorted(wrong))}; there are {', '.join(sorted(known))}")
    if args.list:
        for contender in contenders:
            print(f"{contender.key:24} {contender.label}")
        return 0
    chosen = [who for who in contenders if (not args.only or who.key in args.only) and who.key not in args.without]
    settings = QUICK if args.quick else FULL
    if args.size:
        settings = replace(settings, sizes=tuple(args.size))
    with terminal.Bar() as bar:
        found = measure(chosen, args.measure, settings, args.library, bar, emulate)
    if args.json:
        model.save(found, args.json)
    _print(found, args)
    return _write(found, args)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _add_showing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline", default=model.SYSCALL, metavar="KEY", help="ratios are to this contender (default: syscall)"
    )
    parser.add_argument(
        "--plot",
        type=output_file,
        metavar="FILE",
        help="draws by size, first and slowest draws: a .svg or .png file; needs matplotlib",
    )
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write a report for a browser, with plots")
    parser.add_argument(
        "--document", type=output_file, metavar="FILE", help="replace the marked section of this Markdown file"
    )


def _show(args: argparse.Namespace) -> int:
    found = model.load(args.file)
    if args.plot:
        plot.check(args.plot)
    if found.participant(args.baseline) is None:
        raise VgetrandomError(
            f"{args.file} has no contender {args.baseline}; it has {', '.join(p.key for p in found.present())}"
        )
    if not args.document:
        _print(found, args)
    return _write(found, args)


def _print(found: model.Run, args: argparse.Namespace) -> None:
    out = terminal.console()
    terminal.print_facts(out, found)
    terminal.print_tables(out, tables.all_tables(found, args.baseline))


def _write(found: model.Run, args: argparse.Namespace) -> int:
    if args.document:
        markdown.replace_section(args.document, markdown.document(found, tables.all_tables(found, args.baseline)))
    if args.plot:
        plot.plot(found, args.plot)
    if args.html:
        page_file.write(args.html, page.as_page(found, args.baseline))
    return 0


def _compare(args: argparse.Namespace) -> int:
    first, second = model.load(args.first), model.load(args.second)
    terminal.print_tables(terminal.console(), [compare.table(first, second, args.all)])
    return 1 if compare.slower(first, second) else 0

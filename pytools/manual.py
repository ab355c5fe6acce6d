"""The manual pages and the shell completion of the `vgetrandom` command, made from its own parsers.

Run by meson: `manual.py --verbs` prints the names of the verbs, `manual.py FOLDER RELEASE` writes into FOLDER
`vgetrandom.1`, `vgetrandom-VERB.1` for each verb, and the completion for bash, zsh and fish (`vgetrandom`,
`_vgetrandom`, `vgetrandom.fish`).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

from vgetrandom.cli import VERBS, whole_parser

_SHELLS = {"bash": "vgetrandom", "zsh": "_vgetrandom", "fish": "vgetrandom.fish"}
_EXIT_STATUS = "0: yes or done. 1: no. 2: wrong usage, or something that this host lacks."


def fold(text: str) -> str:
    """Running text, escaped, in lines that a pager and mandoc like."""
    return escape("\n".join(textwrap.wrap(text, 76, break_on_hyphens=False)))


def escape(text: str) -> str:
    """Text as groff_man(7) wants it: backslashes, hyphens that are to stay, and dots at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def manual_page(parser: argparse.ArgumentParser, release: str, others: list[str]) -> str:
    """One page in section 1. `others` are the pages named under SEE ALSO."""
    name = parser.prog.replace(" ", "-")
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    about = (parser.description or "").rstrip(".")
    lines = [
        f'.TH {name.upper()} 1 {day} "vgetrandom {release}" "User Commands"',
        ".SH NAME",
        f"{escape(name)} \\- {escape(about[0].lower() + about[1:])}",
        ".SH SYNOPSIS",
        ".nf",
        escape(_usage(parser)),
        ".fi",
        ".SH DESCRIPTION",
        fold(f"{about[0].upper()}{about[1:]}{'' if about.endswith('?') else '.'}"),
        *_options(parser),
        *_epilog(parser),
        *([] if "xit status" in (parser.epilog or "") else [".SH EXIT STATUS", fold(_EXIT_STATUS)]),
        ".SH SEE ALSO",
        " ,\n".join(f".BR {escape(other)} (1)" for other in others),
    ]
    return "\n".join(lines) + "\n"


def _usage(parser: argparse.ArgumentParser) -> str:
    return re.sub(r"^usage: ", "", parser.format_usage()).strip()


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every argument that has something to say, in the order of the parser, and the verbs with theirs."""
    yield ".SH OPTIONS"
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        if isinstance(action, argparse._SubParsersAction):
            for verb in action._choices_actions:
                yield from (".TP", f".B {escape(verb.dest)}", fold(verb.help or ""))
            continue
        yield from (".TP", f".B {escape(formatter._format_action_invocation(action))}")
        yield fold(formatter._expand_help(action) if action.help else "")


def _epilog(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The parser's own notes; those with lines of their own stay as they are."""
    if not parser.epilog:
        return
    yield ".SH NOTES"
    if parser.formatter_class is argparse.RawDescriptionHelpFormatter:
        yield from (".nf", escape(parser.epilog.strip()), ".fi")
    else:
        yield fold(parser.epilog)


def write_all(folder: Path, release: str) -> None:
    """Write all files into `folder`, which is there."""
    import shtab

    os.environ["COLUMNS"] = "100"  # argparse folds the synopsis there
    parser = whole_parser()
    verbs = next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction)).choices
    names = ["vgetrandom", *(f"vgetrandom-{verb}" for verb in verbs)]
    for name, one in zip(names, [parser, *verbs.values()]):
        others = names[1:] if name == "vgetrandom" else names[:1]
        (folder / f"{name}.1").write_text(manual_page(one, release, others), encoding="utf-8")
    for shell, file in _SHELLS.items():
        if shell in shtab.SUPPORTED_SHELLS:
            (folder / file).write_text(shtab.complete(parser, shell=shell), encoding="utf-8")
        else:
            (folder / file).write_text(f"# this build's shtab knows no {shell}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--verbs"]:
        print("\n".join(VERBS))
    else:
        write_all(Path(sys.argv[1]), sys.argv[2])

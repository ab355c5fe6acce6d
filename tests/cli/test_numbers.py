"""Numbers that a user gives: those that make no sense are refused in one line, by every option of every verb."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
from command import Vgetrandom, one_line
from vgetrandom.cli import VERBS, whole_parser
from vgetrandom.cli.number_arguments import Amount, Whole, Wholes

NUMBERS = (Whole, Amount, Wholes)


def actions(parser: argparse.ArgumentParser, verb: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Every argument, with the verb that takes it: "bench show"."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from actions(below, f"{verb} {name}".strip())
        else:
            yield verb, action


ALL = list(actions(whole_parser()))
NUMERIC = [(verb, action) for verb, action in ALL if isinstance(action.type, NUMBERS)]


def name_of(action: argparse.Action) -> str:
    return action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)


def bad_for(kind: Whole | Amount | Wholes) -> list[str]:
    """What no number of that kind is."""
    if isinstance(kind, Wholes):
        kind = kind.one
    beyond = [str(kind.least - 1), str(kind.most + 1)]
    fraction = ["1.5"] if isinstance(kind, Whole) else []
    return ["nan", "inf", "-inf", "-1", "1e999", "9" * 30, "9" * 5000, "", "x", "1,x", "0x", *beyond, *fraction]


@pytest.mark.parametrize("verb", VERBS)
def test_every_number_has_its_limits(verb: str) -> None:
    """A plain int or float takes -1, and float takes nan. Those that take N, S, MIB or a PID are numbers."""
    words = ("N", "S", "M", "MIB", "MINUTES", "SECONDS", "BYTES,...", "PID")
    for where, action in ALL:
        if where.split()[0:1] == [verb]:
            assert action.type not in (int, float), name_of(action)
            assert action.metavar not in words or isinstance(action.type, NUMBERS), name_of(action)


@pytest.mark.parametrize(
    ("verb", "action"), [pytest.param(*pair, id=f"{pair[0]} {name_of(pair[1])}") for pair in NUMERIC]
)
def test_what_makes_no_sense_is_refused(verb: str, action: argparse.Action) -> None:
    kind = action.type
    assert isinstance(kind, NUMBERS)
    for text in bad_for(kind):
        with pytest.raises(argparse.ArgumentTypeError, match=r"is not a (whole )?(number|list)") as refusal:
            kind(text)
        assert len(str(refusal.value)) < 120
    limits = kind.one if isinstance(kind, Wholes) else kind
    for number in (limits.least, limits.most):
        assert kind(repr(number)) == ([number] if isinstance(kind, Wholes) else number)


def test_numbers_of_all_verbs_are_found() -> None:
    """The walk finds what there is: else the tests above would say nothing."""
    found = {verb for verb, _ in NUMERIC}
    assert found == {"bench", "check", "clones", "conform", "matrix", "observe", "prototype", "scan", "status"}
    assert len(NUMERIC) >= 24


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bench --size 64,0", "argument --size: '0' is not a whole number from 1 to 268435456"),
        ("bench --size ,", "argument --size: ',' is not a list of whole numbers from 1 to 268435456"),
        ("observe --seconds nan", "argument --seconds: 'nan' is not a number from 0.1 to 86400"),
        ("status 0", "argument PID: '0' is not a whole number from 1 to 4194304"),
        ("matrix -j 0", "argument -j/--jobs: '0' is not a whole number from 1 to 1024"),
    ],
)
def test_refusal_is_one_line_that_names_option_and_limits(vgetrandom: Vgetrandom, line: str, said: str) -> None:
    result = vgetrandom(*line.split())
    assert result.returncode == 2
    assert one_line(result) == f"vgetrandom: {said}; see vgetrandom {line.split()[0]} --help"


def test_sizes_and_seeds_are_read_as_they_are_printed() -> None:
    assert Wholes(Whole(1, 100))("64,16,64") == [64, 16]
    assert Whole(0, (1 << 64) - 1, base=0)("0xff") == 255

"""How a case's TAP and its end become a result, and results become JUnit and TAP."""

from __future__ import annotations

import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from vgetrandom.conformance.cases import Case
from vgetrandom.conformance.results import Result, as_json, as_junit, as_tap, judge, worst

CASE = Case("output_x", "output", "It draws.", "getrandom(2)", "promise", Path("/x.c"), (), (), False)
BEGIN = "TAP version 14\n# it draws\n# seed: 0x1\n# watchdog: 3\n"


def judged(output: str, status: int = 0, seconds: float = 0.5, errors: str = "") -> Result:
    return judge(CASE, "native", status, seconds, "0x1", BEGIN + output, errors)


@pytest.mark.parametrize(
    ("output", "status", "seconds", "outcome", "reason"),
    [
        ("ok 1 - a\n1..1\n", 0, 0.5, "pass", ""),
        ("ok 1 - a\nnot ok 2 - b\n#   at x.c:1\n1..2\n", 1, 0.5, "fail", "b (at x.c:1)"),
        ("1..0 # SKIP no cgroup\n", 0, 0.5, "skip", "no cgroup"),
        ("ok 1 - a\n", -signal.SIGSEGV, 0.5, "crash", "SIGSEGV"),
        ("not ok 1 - a\n", -signal.SIGSEGV, 0.5, "crash", "SIGSEGV, after: a"),
        ("ok 1 - a\n", -signal.SIGKILL, 0.5, "crash", "SIGKILL"),
        ("ok 1 - a\n", -signal.SIGKILL, 3.01, "timeout", "no end after 3 s"),
        ("Bail out! no memory\n", 1, 0.5, "error", "no memory"),
        ("ok 1 - a\n", 0, 0.5, "error", "exit status 0, 1 of 0 points"),
        ("ok 1 - a\n1..2\n", 0, 0.5, "error", "exit status 0, 1 of 2 points"),
        ("ok 1 - a\n1..1\n", 7, 0.5, "error", "exit status 7, 1 of 1 points"),
        ("", 127, 0.5, "error", "exit status 127, 0 of 0 points"),
    ],
)
def test_every_end_has_its_outcome(output: str, status: int, seconds: float, outcome: str, reason: str) -> None:
    result = judged(output, status, seconds)
    assert (result.outcome, result.reason) == (outcome, reason)
    assert result.bad == (outcome not in ("pass", "skip"))


def test_last_words_of_a_program_that_could_not_run_are_told() -> None:
    assert judged("", 127, errors="x: cannot open shared object file\n").reason.endswith("shared object file")


def test_facts_are_kept() -> None:
    assert judged("# fact: syscalls=12\n# fact: flags=a=b\nok 1 - a\n1..1\n").facts == {
        "syscalls": "12",
        "flags": "a=b",
    }


def test_worst_of_several_runs_stands_for_them() -> None:
    runs = [judged("ok 1 - a\n1..1\n"), judged("", -signal.SIGSEGV), judged("not ok 1 - b\n1..1\n", 1)]
    assert worst(runs).outcome == "crash"
    assert worst(runs[:1]).outcome == "pass"


def test_json_counts_outcomes() -> None:
    document = as_json([judged("ok 1 - a\n1..1\n"), judged("not ok 1 - b\n1..1\n", 1)], "quick")
    assert document["schema"] == 1
    assert document["targets"] == ["native"]
    assert (document["outcomes"]["pass"], document["outcomes"]["fail"]) == (1, 1)
    assert document["results"][1]["reason"] == "b"


def test_junit_is_xml_with_every_outcome() -> None:
    runs = [
        judged("ok 1 - a \x01 <&>\n1..1\n"),
        judged("not ok 1 - b\n1..1\n", 1),
        judged("", -11),
        judged("1..0 # SKIP c\n"),
    ]
    suite = ElementTree.fromstring(as_junit(runs))[0]
    assert [suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped")] == [
        "native",
        "4",
        "1",
        "1",
        "1",
    ]
    assert [[child.tag for child in entry] for entry in suite] == [
        ["system-out"],
        ["failure", "system-out"],
        ["error", "system-out"],
        ["skipped", "system-out"],
    ]


def test_tap_has_a_point_for_every_run() -> None:
    lines = as_tap([judged("ok 1 - a\n1..1\n"), judged("", -11), judged("1..0 # SKIP c\n")]).splitlines()
    assert lines[:2] == ["TAP version 14", "1..3"]
    points = [line for line in lines if line.startswith(("ok", "not ok"))]
    assert points == ["ok 1 - output_x: native", "not ok 2 - output_x: native", "ok 3 - output_x: native # SKIP c"]
    assert "    ok 1 - a" in lines

"""Known failures of one's own libc: a file of them with reasons; who passes against it is an error."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from command import Vgetrandom, one_line
from vgetrandom.conformance.cases import Case, cases_folder
from vgetrandom.conformance.expected import compare, read_expected
from vgetrandom.conformance.results import as_junit, as_tap, judge
from vgetrandom.errors import VgetrandomError

CASE = Case("output_x", "output", "It draws.", "getrandom(2)", "promise", Path("/x.c"), (), (), False)
PASS, FAIL, SKIP = "ok 1 - a\n1..1\n", "not ok 1 - a\n1..1\n", "1..0 # SKIP none\n"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A folder of two cases: one passes, one fails."""
    folder = tmp_path / "cases"
    folder.mkdir()
    shutil.copy(cases_folder() / "tap.h", folder)
    for name, holds in (("output_good", 1), ("output_bad", 0)):
        (folder / f"{name}.c").write_text(
            '/*\n * It holds.\n *\n * Source: none\n * Kind: quality\n */\n#include "tap.h"\n'
            f'int main(void) {{ case_begin("x", 60); check({holds}, "it holds"); return case_end(); }}\n'
        )
    return folder


def outcome(lines: str, folder: Path, output: str, status: int = 0, target: str = "libc:mine") -> tuple[str, str]:
    (folder / "known").write_text(lines)
    result = compare(
        judge(CASE, target, status, 0.1, "0x1", output, ""), read_expected(folder / "known", [CASE.name, "fork_y"])
    )
    return result.outcome, result.reason


@pytest.mark.parametrize(
    ("lines", "output", "status", "expected"),
    [
        ("", FAIL, 1, "fail"),
        ("# nothing\n\n", FAIL, 1, "fail"),
        ("output_x * fail bug 12", FAIL, 1, "expected"),
        ("output_x libc:* fail bug 12", FAIL, 1, "expected"),
        ("output_* libc:mine fail bug 12", FAIL, 1, "expected"),
        ("output_x musl fail bug 12", FAIL, 1, "fail"),
        ("fork_y * fail bug 12", FAIL, 1, "fail"),
        ("output_x * crash bug 12", FAIL, 1, "fail"),
        ("output_x * crash bug 12\noutput_x * fail bug 13", FAIL, 1, "expected"),
        ("output_x * crash bug 12", "", -11, "expected"),
        ("output_x * fail bug 12", PASS, 0, "unexpected"),
        ("output_x musl fail bug 12", PASS, 0, "pass"),
        ("output_x * fail bug 12", SKIP, 0, "skip"),
    ],
)
def test_what_fails_as_the_file_says_is_expected_and_what_passes_is_not(
    tmp_path: Path, lines: str, output: str, status: int, expected: str
) -> None:
    assert outcome(lines, tmp_path, output, status)[0] == expected


def test_the_reason_is_the_rest_of_the_line_and_the_line_is_named(tmp_path: Path) -> None:
    lines = "# known\noutput_x  *  fail   bug 12: it  is known\n"
    assert outcome(lines, tmp_path, FAIL, 1)[1].startswith("bug 12: it  is known (fail: a")
    assert f"{tmp_path}/known:2 expects" in outcome(lines, tmp_path, PASS)[1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("output_x * fail", ":1 must have a case, a target, one of fail, crash, timeout, error, and a reason"),
        ("#\noutput_x * pass it passes", ":2 must have"),
        ("output_z * fail bug 12", "there is no case output_z"),
    ],
)
def test_a_line_that_expects_nothing_is_an_error(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(VgetrandomError, match=said):
        outcome(lines, tmp_path, PASS)


def test_reports_of_other_tools_know_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("output_x * fail bug 12\n")
    known = read_expected(tmp_path / "known", [CASE.name])
    results = [
        compare(judge(CASE, "mine", status, 0.1, "0x1", output, ""), known) for output, status in ((FAIL, 1), (PASS, 0))
    ]
    suite = ElementTree.fromstring(as_junit(results, {"mine": "who \x01 it is"}))[0]
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["2", "1", "0", "1"]
    assert suite.find("properties/property").get("name") == "identity"  # type: ignore[union-attr]
    points = [line for line in as_tap(results).splitlines() if line.startswith(("ok", "not ok"))]
    assert points[0].startswith("not ok 1 - output_x: mine # TODO bug 12")
    assert points[1] == "not ok 2 - output_x: mine"


def test_expected_failures_do_not_fail_the_run_and_unexpected_passes_do(
    vgetrandom: Vgetrandom, cases: Path, tmp_path: Path
) -> None:
    words = ("conform", "native", "--cases", cases, "--expect", tmp_path / "known")
    (tmp_path / "known").write_text("output_bad * fail bug 12\n")
    done = vgetrandom(*words)
    assert done.returncode == 0
    assert "native: 1 pass, 1 expected" in done.stdout and "bug 12" in done.stdout
    (tmp_path / "known").write_text("output_bad * fail bug 12\noutput_good * fail bug 13\n")
    done = vgetrandom(*words, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["outcomes"]["unexpected"] == 1
    assert vgetrandom(*words, "-k", "output_bad").returncode == 0  # a line about another case is no error


def test_a_file_that_cannot_be_read_is_one_line(vgetrandom: Vgetrandom, cases: Path, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        done = vgetrandom("conform", "native", "--cases", cases, "--expect", path)
        assert done.returncode == 2
        assert str(path) in one_line(done)

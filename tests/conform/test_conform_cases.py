"""What a conformance case says of itself, and that every case of the suite says it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from vgetrandom.conformance.cases import GROUPS, cases_folder, read_case, read_cases
from vgetrandom.errors import VgetrandomError

HEAD = """/* SPDX-License-Identifier: MIT */
/*
 * A draw gives bytes,
 * and not others.
 *
 * Source: getrandom(2),
 *	in its first line
 * Kind: promise
 * Library: one.c two.c
 * Runs: alone
 */
"""


def test_head_comment_is_read(tmp_path: Path) -> None:
    path = tmp_path / "output_bytes.c"
    path.write_text(HEAD)
    case = read_case(path)
    assert case.promise == "A draw gives bytes, and not others."
    assert case.source == "getrandom(2), in its first line"
    assert (case.group, case.kind, case.alone) == ("output", "promise", True)
    assert [library.name for library in case.libraries] == ["one.c", "two.c"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("output_x.c", HEAD.replace("promise", "hope"), "Kind:"),
        ("output_x.c", HEAD.replace(" * Source: getrandom(2),\n *	in its first line\n", ""), "Source:"),
        ("output_x.c", "int main(void) { }\n", "promise"),
        ("other_x.c", HEAD, "begin its name with"),
    ],
)
def test_incomplete_head_comment_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(VgetrandomError, match=said):
        read_case(path)


def test_pattern_is_part_of_a_name_or_a_wildcard(tmp_path: Path) -> None:
    for name in ("thread_many", "step_fork_thread", "fork_chain"):
        (tmp_path / f"{name}.c").write_text(HEAD)

    def names(pattern: str) -> list[str]:
        return [case.name for case in read_cases(tmp_path, pattern)]

    assert names("") == ["fork_chain", "step_fork_thread", "thread_many"]
    assert names("thread") == ["step_fork_thread", "thread_many"]
    assert names("thread_*,chain") == ["fork_chain", "thread_many"]
    with pytest.raises(VgetrandomError, match="--list"):
        names("nothing")


def test_suite_has_cases_in_every_group() -> None:
    cases = read_cases(cases_folder())
    assert {case.group for case in cases} == set(GROUPS)
    for case in cases:
        for path in (*case.extra_sources, *case.libraries):
            assert path.is_file(), f"{case.name} names {path}"


def test_cases_know_no_implementation() -> None:
    """They ask any libc: nothing in them names this library, its variables or its records."""
    for path in sorted(cases_folder().rglob("*.[ch]")):
        words = path.read_text(encoding="utf-8").replace("struct vgetrandom_opaque_params", "").lower()
        assert "vgetrandom" not in words, path.name


def test_suite_compiles_without_warnings() -> None:
    sources = [str(case.path) for case in read_cases(cases_folder())]
    done = subprocess.run(
        ["cc", "-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-pthread", *sources],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

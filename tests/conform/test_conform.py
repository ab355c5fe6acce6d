"""`vgetrandom conform` as a user runs it, and the suite's verdict on this library."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from command import Vgetrandom, command_line, environment_with, one_line
from vgetrandom.conformance.cases import cases_folder

ONE = "interface_errno"


def add_case(folder: Path, name: str, body: str) -> None:
    shutil.copy(cases_folder() / "tap.h", folder)
    (folder / f"{name}.c").write_text(
        "/*\n * Nothing holds.\n *\n * Source: none\n * Kind: quality\n */\n"
        f'#include "tap.h"\nint main(void)\n{{\n\tcase_begin("x", 60);\n\t{body}\n\treturn case_end();\n}}\n'
    )


def test_library_keeps_every_promise(library: Path, tmp_path: Path) -> None:
    """The whole quick profile; what it prints tells which case fails and how to repeat it."""
    report = tmp_path / "report.json"
    with report.open("w") as output:
        status = subprocess.run(
            command_line("conform", "shim", "--json"), env=environment_with(library), stdout=output, timeout=900
        ).returncode
    document = json.loads(report.read_text())
    bad = [
        f"{r['case']}: {r['outcome']}: {r['reason']}"
        for r in document["results"]
        if r["outcome"] not in ("pass", "skip")
    ]
    assert not bad, bad
    assert status == 0
    assert document["outcomes"]["pass"] > 50


def test_list_tells_promises_and_sources(vgetrandom: Vgetrandom) -> None:
    listed = vgetrandom("conform", "--list", "-k", ONE)
    assert listed.returncode == 0
    assert "errno" in listed.stdout
    assert "Source: POSIX" in listed.stdout
    assert "thread_many" not in listed.stdout


def test_table_names_case_and_outcome(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("conform", "native", "-k", ONE)
    assert result.returncode == 0, result.stderr
    assert [line.split()[:2] for line in result.stdout.splitlines() if ONE in line] == [[ONE, "pass"]]
    assert "native: 1 pass" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_matrix_has_a_column_for_each_target(vgetrandom: Vgetrandom) -> None:
    result = vgetrandom("conform", "native", "shim", "-k", "interface_cost")
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["interface_cost", "pass", "pass"] in rows
    warm = next(row for row in rows if "syscalls-per-1000-draws" in row)
    assert warm[-1] == "0"


def test_json_and_junit_and_tap(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    result = vgetrandom("conform", "native", "shim", "-k", ONE, "--json", "--junit", junit, "--seed", "0x1234")
    document = json.loads(result.stdout)
    assert document["targets"] == ["native", "shim"]
    assert {entry["seed"] for entry in document["results"]} == {"0x1234"}
    assert [suite.get("name") for suite in ElementTree.parse(junit).getroot()] == ["native", "shim"]
    tap = vgetrandom("conform", "native", "-k", ONE, "--tap").stdout
    assert tap.startswith("TAP version 14\n1..1\n")
    assert f"\nok 1 - {ONE}: native\n" in tap


def test_failing_case_is_status_1_and_says_how_to_repeat(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    add_case(tmp_path, "output_bad", 'check(0, "it holds");')
    result = vgetrandom("conform", "native", "--cases", tmp_path, "--seed", "5")
    assert result.returncode == 1
    assert "it holds (at output_bad.c:11, errno 0)" in result.stdout
    assert "promise: Nothing holds." in result.stdout
    assert f"vgetrandom conform native -k output_bad --seed 0x5 --cases {tmp_path}\n" in result.stdout


@pytest.mark.parametrize(
    ("says", "outcome"),
    [("length= 1 gigabyte, no anomalies", "pass"), ("length= 1 gigabyte, FAIL !!", "fail"), ("", "fail")],
)
def test_battery_of_tests_is_believed(vgetrandom: Vgetrandom, tmp_path: Path, says: str, outcome: str) -> None:
    battery = tmp_path / "RNG_test"
    battery.write_text(f"#!/bin/sh\nhead -c 100000 >/dev/null\necho '{says}'\n")
    battery.chmod(0o755)
    words = ("native", "-k", "output_external", "--profile", "full", "--json")
    result = vgetrandom("conform", *words, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert json.loads(result.stdout)["results"][0]["outcome"] == outcome


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "there is no target 'nonsense'"),
        (["native", "-k", "nonsense"], "no case"),
        (["libc:/nonexistent"], "not a folder"),
        (["under:'"], "is no command"),
        (["native", "-k", ONE, "--junit", "/nonexistent/x"], "can't be written"),
    ],
)
def test_user_errors_are_one_line(vgetrandom: Vgetrandom, words: list[str], said: str) -> None:
    result = vgetrandom("conform", *words)
    assert result.returncode == 2
    assert said in one_line(result)


def test_interrupt_ends_it_and_what_was_found_is_told(library: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    add_case(tmp_path, "output_first", 'check(1, "good");')
    add_case(tmp_path, "output_then", f'int creat(const char *, unsigned); creat("{there}", 0600); pause();')
    command = command_line("conform", "native", "--cases", tmp_path, "--jobs", "1")
    process = subprocess.Popen(command, env=environment_with(library), stdout=-1, stderr=-1, text=True)
    while not there.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "vgetrandom: interrupted\n")
    assert "output_first" in output and "output_then" not in output
    assert output.endswith("native: 1 pass\n")

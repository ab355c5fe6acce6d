"""The runner: what becomes of cases that pass, fail, crash, hang, leave children behind or do not compile."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from vgetrandom.conformance.cases import cases_folder, read_cases
from vgetrandom.conformance.results import Result
from vgetrandom.conformance.runner import Plan, Runner
from vgetrandom.conformance.targets import Target, parse_target
from vgetrandom.errors import VgetrandomError

HEAD = "/*\n * Something.\n *\n * Source: none\n * Kind: quality\n */\n"
MAIN = '#include "tap.h"\nint main(void)\n{\n\tcase_begin("something", 1);\n'


class Suite:
    """A folder of small cases, and a way to run them."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache
        for header in cases_folder().glob("*.h"):
            shutil.copy(header, folder)

    def add(self, name: str, body: str, head: str = HEAD) -> None:
        (self.folder / f"{name}.c").write_text(f"{head}{MAIN}\t{body}\n}}\n")

    def run(self, target: Target | None = None, **options: object) -> dict[str, Result]:
        plan = Plan(read_cases(self.folder), [target or parse_target("native", None)], **options)  # type: ignore[arg-type]
        runner = Runner(plan, self.cache)
        return {result.case.name: result for result in runner.run(runner.build())}


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "cases").mkdir()
    return Suite(tmp_path / "cases", tmp_path / "cache")


def test_every_kind_of_end(suite: Suite) -> None:
    suite.add("output_pass", 'check(1, "good"); fact("number", "%d", 5); return case_end();')
    suite.add("output_fail", 'check(1, "good"); check(2 < 1, "two below %d", 1); return case_end();')
    suite.add("output_skip", 'skip_all("no %s", "reason");')
    suite.add("output_crash", "raise(SIGSEGV); return case_end();")
    suite.add("output_hang", "for (;;) pause();")
    suite.add("output_silent", "_exit(0);")
    suite.add("output_broken", "this is not C;")
    results = suite.run()
    assert {name: result.outcome for name, result in results.items()} == {
        "output_pass": "pass",
        "output_fail": "fail",
        "output_skip": "skip",
        "output_crash": "crash",
        "output_hang": "timeout",
        "output_silent": "error",
        "output_broken": "error",
    }
    assert results["output_pass"].facts == {"number": "5"}
    assert results["output_fail"].reason.startswith("two below 1")
    assert results["output_skip"].reason == "no reason"
    assert results["output_crash"].reason == "SIGSEGV"
    assert 1 <= results["output_hang"].seconds < 10
    assert "does not compile" in results["output_broken"].reason


def test_failures_in_children_and_threads_count(suite: Suite) -> None:
    suite.add("output_child", 'if (!fork()) { check(0, "in the child"); _exit(0); }\n\twait(NULL); return case_end();')
    assert suite.run()["output_child"].reason.startswith("in the child")


def test_seed_repeats_a_run(suite: Suite) -> None:
    suite.add(
        "output_seed", 'fact("choice", "%llx", (long long)next_random(&case_seed)); check(1, "x"); return case_end();'
    )
    choices = {suite.run(seed=seed)["output_seed"].facts["choice"] for seed in (7, 7, 8)}
    assert len(choices) == 2
    first, second = (suite.run()["output_seed"].seed for _ in range(2))
    assert first != second


def test_children_left_behind_are_killed(suite: Suite, tmp_path: Path) -> None:
    left = tmp_path / "left"
    suite.add(
        "output_left",
        f'if (!fork()) {{ FILE *f = fopen("{left}", "w"); fprintf(f, "%d", getpid()); fclose(f); for (;;) pause(); }}\n'
        f'\twhile (access("{left}", F_OK)) usleep(1000);\n\tusleep(50000); check(1, "x"); return case_end();',
    )
    assert suite.run()["output_left"].outcome == "pass"
    deadline = time.monotonic() + 5
    child = int(left.read_text())
    while time.monotonic() < deadline:
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    os.kill(child, 9)
    pytest.fail("the child is still there")


def test_profile_and_patience_reach_the_case(suite: Suite) -> None:
    suite.add("output_scale", 'fact("scale", "%d", (int)scaled(1, 2)); check(1, "x"); return case_end();')
    assert suite.run()["output_scale"].facts["scale"] == "1"
    full = suite.run(profile="full", patience=3)["output_scale"]
    assert full.facts["scale"] == "2"
    assert "# watchdog: 3\n" in full.output


def test_repeat_runs_each_case_so_often(suite: Suite) -> None:
    suite.add("output_pass", 'check(1, "good"); return case_end();')
    plan = Plan(read_cases(suite.folder), [parse_target("native", None)], repeat=3)
    runner = Runner(plan, suite.cache)
    results = runner.run(runner.build())
    assert len(results) == 3
    assert len({result.seed for result in results}) == 3


def test_alone_means_nothing_beside(suite: Suite, tmp_path: Path) -> None:
    alone = HEAD.replace(" */", " * Runs: alone\n */")
    mark = (
        f'int f = open("{tmp_path}/running", 0101 | 0200, 0600);\n\tcheck(f >= 0, "nobody else is here");\n'
        f'\tusleep(100000); unlink("{tmp_path}/running"); return case_end();'
    )
    include = "#include <fcntl.h>\n"
    for name in ("one", "two", "three"):
        suite.add(f"output_{name}", mark, alone + include)
    assert {result.outcome for result in suite.run(jobs=3).values()} == {"pass"}


def test_case_is_compiled_once_until_it_or_a_header_changes(suite: Suite) -> None:
    suite.add("output_pass", 'check(1, "good"); return case_end();')
    programs = []
    for change in (False, False, True):
        if change:
            with (suite.folder / "tap.h").open("a") as header:
                header.write("\n/* changed */\n")
        runner = Runner(Plan(read_cases(suite.folder), [parse_target("native", None)]), suite.cache)
        built = runner.build()["glibc", "output_pass"]
        assert isinstance(built, Path)
        programs.append((built, built.stat().st_mtime_ns))
    assert programs[0] == programs[1]
    assert programs[0][0] != programs[2][0]


def test_stop_ends_what_runs(suite: Suite) -> None:
    suite.add(
        "output_long", 'watchdog(100); usleep(60000000); check(1, "x"); return case_end();'.replace("1)", "1)", 1)
    )
    text = (suite.folder / "output_long.c").read_text().replace('"something", 1', '"something", 100')
    (suite.folder / "output_long.c").write_text(text)
    runner = Runner(Plan(read_cases(suite.folder), [parse_target("native", None)]), suite.cache)
    programs = runner.build()
    began = time.monotonic()
    threading.Timer(0.5, runner.stop).start()
    assert runner.run(programs) == []
    assert time.monotonic() - began < 10


def test_stages_find_their_way_through_the_prefix(suite: Suite) -> None:
    """A case that executes itself does so through the target's loader or wrapper."""
    body = (
        'char *const argv[] = { program_invocation_name, (char *)"again", NULL };\n'
        '\tif (getenv("AGAIN")) { check(getenv("WRAPPED") && atoi(getenv("WRAPPED")) == 2, "x"); return case_end(); }\n'
        '\tsetenv("AGAIN", "1", 1); case_execv(program_invocation_name, argv); return 1;'
    )
    suite.add("output_again", body)
    wrapper = suite.folder / "wrap per"
    wrapper.write_text('#!/bin/sh\nWRAPPED=$((WRAPPED + 1)) exec "$@"\n')
    wrapper.chmod(0o755)
    result = suite.run(parse_target(f"under:'{wrapper}'", None))["output_again"]
    assert result.outcome == "pass", result.output


def test_targets_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for name, said in (
        ("glibc", "targets are"),
        ("shim", "--library"),
        (f"libc:{tmp_path}", "no dynamic loader"),
        (f"libc:{tmp_path}/none", "not a folder"),
        ("under:", "no command"),
    ):
        with pytest.raises(VgetrandomError, match=said):
            parse_target(name, None)

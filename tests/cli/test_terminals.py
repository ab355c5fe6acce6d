"""Verbs on terminals of 60 and 80 columns: no column is missing without a word, and no name is cut."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from command import environment_with
from rich.text import Text
from terminals import on_terminal
from vgetrandom.bench import model, terminal
from vgetrandom.bench.text import Table
from vgetrandom.clones.report import COLUMNS as CLONES
from vgetrandom.output.console import Console
from vgetrandom.output.table import bands, boxed_tables, folded_widths
from vgetrandom.scan.text import COLUMNS as SCAN
from vgetrandom.status.text import COLUMNS as STATUS

NARROW = pytest.mark.parametrize("width", [60, 80])
CASES = ("-k", "interface_errno,interface_cost")
SIZES = (1, 16, 32, 256, 1024, 4096, 65536, 1048576)


def on_narrow(library: Path, width: int, *words: object) -> list[str]:
    """The lines, of which none is wider than the terminal, and none is cut."""
    lines = on_terminal(width, *words, environment=environment_with(library))
    assert max(map(len, lines)) <= width, lines
    assert not [line for line in lines if "…" in line]
    return lines


def require_words(lines: Sequence[str], *words: str) -> None:
    """Each is whole in one line: a name that one looks for."""
    assert not [word for word in words if not any(word in line for line in lines)], lines


def require_columns(lines: Sequence[str], columns: Sequence[str]) -> None:
    """Each column is there, or is named as one that there is no room for."""
    text = " ".join(lines)
    assert not [name for name in columns if not all(word in text for word in name.split())], lines


@NARROW
def test_list_of_matrix(library: Path, width: int) -> None:
    lines = on_narrow(library, width, "matrix", "--list")
    require_columns(lines, ("cell", "on this host", "note"))
    require_words(lines, "x86_64/newest/glibc-new", "powerpc64le/newest-64k/musl")


@NARROW
def test_list_of_clones(library: Path, width: int) -> None:
    lines = on_narrow(library, width, "clones", "--list")
    require_columns(lines, ("contender", "what", "with the library", "everywhere", "kernel", "Debian"))
    require_words(lines, "vgetrandom-stopped", "postgresql-vgetrandom", "trixie-backports")


@NARROW
def test_scan(library: Path, width: int) -> None:
    lines = on_narrow(library, width, "scan", "/bin/sh", sys.executable)
    require_columns(lines, SCAN)
    require_words(lines, "2 files:")


@NARROW
@pytest.mark.parametrize("targets", [("native",), ("native", "shim")])
def test_conform(library: Path, width: int, targets: Sequence[str]) -> None:
    lines = on_narrow(library, width, "conform", *targets, *CASES)
    require_columns(lines, targets if len(targets) > 1 else ("case", "result", "seconds", "facts, or why"))
    require_words(lines, "interface_errno", "interface_cost", "native: 2 pass")


@pytest.fixture
def served(library: Path) -> Iterator[int]:
    """The pid of a process that has the library, and a long command line."""
    code = "import os; os.urandom(16), os.urandom(16); print(flush=True); input()"
    words = [sys.executable, "-c", code, *[f"--some-option={number}" for number in range(30)], "the-last-word"]
    environment = environment_with(library, LD_PRELOAD=str(library))
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.communicate("\n")


@NARROW
@pytest.mark.parametrize("watch", [(), ("--watch", "--count", "2", "--interval", "0.1")])
def test_status(library: Path, served: int, width: int, watch: Sequence[str]) -> None:
    lines = on_narrow(library, width, "status", *watch)
    require_columns(lines, STATUS)
    assert any(re.match(rf" *{served} ", line) for line in lines), lines
    require_columns(lines, () if watch else ("the-last-word",))


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of bench with as many sizes as it has."""
    labels = {"syscall": "system call", "vdso": "vDSO, bare", "shim": "glibc 2.36 + vgetrandom", "openssl": "OpenSSL"}
    series = tuple(
        model.Series("latency", key, "getrandom", size, "ns", (200.0 + size, 210.0 + size))
        for key in labels
        for size in SIZES
    )
    who = tuple(model.Participant(key, label, "1", "getrandom") for key, label in labels.items())
    file = tmp_path_factory.mktemp("bench") / "run.json"
    model.save(model.Run({"cpu": "a processor"}, {"program_scale": 1}, who, series), file)
    return file


@NARROW
def test_bench(library: Path, measured: Path, width: int) -> None:
    lines = on_narrow(library, width, "bench", "show", measured)
    start = lines.index("One draw, by size")
    table = lines[start : lines.index("One draw, by size: times as fast as the system call")]
    require_columns(table, ("contender", "1 B", "16 B", "32 B", "256 B", "1 KiB", "4 KiB", "64 KiB", "1 MiB"))
    require_words(table, "system call", "vDSO, bare", "OpenSSL", "221 ns", "1.05 ms")


def test_several_tables_have_all_columns_and_the_first_ones_each() -> None:
    names = ["case", "kind", *[f"target-{number}" for number in range(9)]]
    rows = [["a_case_with_a_name", "promise", *["pass"] * 9]]
    found = bands(names, rows, 60, kept=2)
    assert len(found) > 1 and all(part[:2] == [0, 1] for part in found)
    assert [index for part in found for index in part[2:]] == list(range(2, 11))
    assert bands(names, rows, 1000, kept=2) == [list(range(11))]
    assert bands(["a"], [["b"]], 10) == [[0]]


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_columns_fit_and_the_first_one_is_folded_last(width: int) -> None:
    rows = [["x86_64/newest/glibc-new", "can be tried", "the oldest Debian has with it " * 3]]
    widths = folded_widths(("cell", "on this host", "note"), rows, width)
    assert sum(widths) + 4 <= max(width, 4 + 3)
    if width >= 60:
        assert widths[0] == len("x86_64/newest/glibc-new")


def test_a_number_is_not_parted_from_its_unit() -> None:
    rows = [[Text("OpenSSL"), *[Text("1,234.5 ns")] * 6]]
    console = Console(width=60, force_terminal=True, no_color=True)
    with console.capture() as capture:
        for table in boxed_tables(("contender", "1 B", "2 B", "4 B", "8 B", "16 B", "32 B"), rows, 60, left=1):
            console.print(table)
    assert capture.get().count("1,234.5 ns") == 6


def test_tables_of_clones_and_bench_are_whole_at_any_width(capsys: pytest.CaptureFixture[str]) -> None:
    row = (
        "PostgreSQL gen_random_uuid + vgetrandom",
        "for ever",
        "5,000",
        "250",
        "250",
        "123,456,789",
        "never",
        "all",
        "0",
    )
    parts = bands(CLONES, [row], 60)
    assert {index for part in parts for index in part} == set(range(len(CLONES)))
    table = Table(
        "a title", "", ("contender", "measures"), (("system call", "getrandom 4 B (1.08x), 16 B (1.03x)"),), 2
    )
    terminal.print_tables(Console(width=40, force_terminal=True, no_color=True), [table])
    assert "measures" in capsys.readouterr().out

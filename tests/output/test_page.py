"""A report in HTML: whole in one file, nothing from a program's output gets into its markup, every part is there."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, one_line, runner_for
from vgetrandom.bench import page as bench_page
from vgetrandom.bench.model import Participant, Run, Series
from vgetrandom.conformance import page as conform_page
from vgetrandom.conformance.cases import Case
from vgetrandom.conformance.identity import Identity
from vgetrandom.conformance.results import Result, judge
from vgetrandom.matrix import page as matrix_page
from vgetrandom.matrix.cells import TABLE, choose, read_cells
from vgetrandom.matrix.run import CellResult, not_run
from vgetrandom.output.chart import Line, log_chart
from vgetrandom.output.page import Block, Cell, Grid, Page, Section, as_html
from vgetrandom.preload.identity import File

CASE = Case("output_x", "output", "It <draws> & draws.", "getrandom(2)", "promise", Path("/x.c"), (), (), False)
VOID = {"meta", "circle", "line", "polyline"}
FILE = File(Path("/lib/libc.so.6"), "abcd", "0123456789abcdef" * 4)


class Checker(HTMLParser):
    """Every element is closed, every link leads somewhere; collects the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open
        for link in self.links:
            assert link.startswith("#") and link[1:] in self.names, link

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag not in ("script", "link", "img", "iframe"), tag
        if tag not in VOID:
            self.open.append(tag)
        if given.get("id"):
            self.names.add(str(given["id"]))
        if given.get("href"):
            self.links.append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def results() -> list[Result]:
    ended = [
        ("native", "# fact: syscalls=12\nok 1 - a\n1..1\n", 0),
        ("shim", "not ok 1 - <b>bold</b> \x1b[31m & more\n1..1\n", 1),
        ("shim", "ok 1 - a\n1..1\n", 0),
        ("musl", "1..0 # SKIP no <cgroup>\n", 0),
    ]
    return [judge(CASE, target, status, 0.5, "0x12", output, "") for target, output, status in ended]


def test_a_page_is_whole_and_escaped() -> None:
    page = Page(
        "a <title>",
        Cell("all & well", "good"),
        [("name", "<value>")],
        [
            Section("one", ["text <i>", Grid(("a", "b"), [("<", Cell(">", "bad", "here"))])]),
            Section("two", [Block("more", [("x", "y")], "printed \x00 </pre><script>", name="here")]),
            Section("empty", []),
        ],
    )
    text = as_html(page)
    checked = Checker(text)
    for expected in ("a <title>", "all & well", "<value>", "text <i>", "printed \ufffd </pre><script>"):
        assert expected in checked.text
    assert "empty" not in checked.text
    assert not re.search(r"(src|@import|url\()", text)


def test_conform_tells_promise_source_command_and_output_of_a_failure() -> None:
    identity = Identity("shim", FILE, FILE, FILE)
    page = conform_page.as_page(results(), [identity], lambda result: f"repeat {result.seed}", "quick")
    checked = Checker(as_html(page))
    for expected in (
        "Promises are broken: 2 pass, 1 skip, 1 fail",
        "It <draws> & draws.",
        "getrandom(2)",
        "repeat 0x12",
        "<b>bold</b>",
        "fail 1/2",
        "no <cgroup>",
        "output_x: syscalls",
        "/lib/libc.so.6",
        "abcd",
        "0123456789abcdef",
    ):
        assert expected in checked.text, expected


def test_matrix_shows_cells_that_ran_and_why_others_did_not() -> None:
    one, other = choose(read_cells(TABLE), ["x86_64/6.12/musl", "x86_64/6.12/glibc-old"])
    guest = not_run(one, "").results[0]
    ran = CellResult(one, (judge(guest.case, one.name, 0, 1, "", "ok 1 - a\n1..1\n", ""), *results()[1:2]), qemu="9.9")
    checked = Checker(as_html(matrix_page.as_page([ran, not_run(other, "no emulator")], "quick")))
    for expected in (
        "1 of 2 cells ran, 1 failed",
        "no emulator",
        "not run",
        "9.9",
        "vgetrandom matrix --only shim -k output_x",
    ):
        assert expected in checked.text, expected


def test_bench_draws_its_charts_without_matplotlib() -> None:
    series = [
        Series("latency", key, "getrandom", size, "ns", (float(size * cost), size * cost * 1.1))
        for key, cost in (("syscall", 20), ("shim", 3), ("musl", 21), ("musl+shim", 3))
        for size in (4, 16, 4096)
    ]
    who = [
        Participant(key, f"<{key}>", "", "getrandom", files=("/lib/x",))
        for key in ("syscall", "shim", "musl", "musl+shim")
    ]
    run = Run({"cpu": "a processor"}, {"program_scale": 1}, tuple(who), tuple(series))
    text = as_html(bench_page.as_page(run, "syscall"))
    checked = Checker(text)
    assert text.count("<svg") == 2 and text.count("<circle") == 24
    assert text.count("stroke-dasharray") == 4  # the line and its sign in the legend, in both
    assert "<musl+shim>" in checked.text and "a processor" in checked.text and "/lib/x" in checked.text


@pytest.mark.parametrize("points", [[(4, 5)], [(4, 5), (4096, 5)], [(1, 0.001), (1e6, 1e6)]])
def test_a_chart_has_room_for_every_value(points: list[tuple[float, float]]) -> None:
    svg = log_chart("t", [Line("l", points, 0)], str, str)
    for x, y in re.findall(r'cx="([-0-9.]+)" cy="([-0-9.]+)"', svg):
        assert 0 < float(x) < 820 and 0 < float(y) < 450


def test_conform_writes_the_page_beside_what_it_prints(library: Path, tmp_path: Path) -> None:
    vgetrandom: Vgetrandom = runner_for(library)
    file = tmp_path / "report.html"
    done = vgetrandom("conform", "shim", "-k", "interface_errno", "--html", file, "--json")
    assert done.returncode == 0, done.stderr
    checked = Checker(file.read_text())
    assert "Every promise was kept: 1 pass" in checked.text and str(library) in checked.text


@pytest.mark.parametrize("words", [("conform", "native"), ("bench",), ("matrix",)])
def test_a_page_that_cannot_be_written_is_said_before_anything_is_run(library: Path, words: tuple[str, ...]) -> None:
    vgetrandom: Vgetrandom = runner_for(library)
    done = vgetrandom(*words, "--html", "/nonexistent/report.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert "/nonexistent/report.html" in one_line(done)


@needs.program("chromium")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_browser_shows_it_on_a_phone_without_scrolling_sideways(tmp_path: Path, scheme: str) -> None:
    """Only tables, drawings and output may be wider than the page, each in a box of its own."""
    file = tmp_path / "report.html"
    page = conform_page.as_page(results() * 9, [], lambda result: "repeat " * 30, "quick")
    measure = "document.title = document.documentElement.scrollWidth + ' ' + getComputedStyle(document.body).color"
    file.write_text(as_html(page).replace("</body>", f"<script>{measure}</script></body>"))
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=500,800"),
            *(f"--blink-settings=preferredColorScheme={'0' if scheme == 'dark' else '1'}", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"<title>(\d+) rgb\((\d+)", done.stdout)
    assert found, done.stderr
    assert int(found[1]) <= 500
    assert (int(found[2]) > 128) == (scheme == "dark")

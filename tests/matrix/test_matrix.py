"""`vgetrandom matrix`: what is made of a guest's console, and guests that really boot, without and with the vDSO."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, runner_for
from schemas import require_form
from vgetrandom.conformance.cases import cases_folder, read_cases
from vgetrandom.errors import VgetrandomError
from vgetrandom.matrix import report, saved
from vgetrandom.matrix.cells import TABLE, Cell, choose, read_cells
from vgetrandom.matrix.console import PROBE, Probe, Transcript, case_results, read_probe, verdict
from vgetrandom.matrix.run import CellResult, Plan, not_run, obstacle, prepare
from vgetrandom.system.debian import cache_folder

# The guests boot in some seconds; these cases add what is at stake on another kernel: forks, dropped pages, functions.
CASES = (
    "fork_fork,fork_handler,memory_pageout,memory_flags,interface_flags,interface_syscall,output_large,thread_endings"
)
REPORT = (
    '{"vgetrandom":2,"status":"active","memory":"droppable","pid":7,"calls":999,"bytes":15984,"slots":1,"copies":1}'
)
CONSOLE = f"""SeaBIOS (version 1.16)
\x1b[2J vg: begin 6.12.1 x86_64
vg: trouble no cgroup2 on /sys/fs/cgroup: No such device
vg: run probe
vg> page_size=4096
vg> vdso=present
vg> draws=1000
vg> {REPORT}
vg: end probe 0 12
vg: run interface_errno
vg> TAP version 14
vg> ok 1 - errno
vg> 1..1
vg! something on standard error
vg: end interface_errno 0 1500
vg: run fork_fork
vg> TAP version 14
vg> not ok 1 - it repeats
vg> 1..1
vg: end fork_fork 1 20
vg: run fork_chain
[    9.1] Kernel panic - not syncing: Attempted to kill init!
"""


def transcript(text: str = CONSOLE) -> Transcript:
    found = Transcript()
    for line in text.splitlines():
        found.read(line)
    return found


def result_of(text: str = CONSOLE) -> CellResult:
    """A cell as if its guest had said this."""
    cell = choose(read_cells(TABLE), ["x86_64/6.12/musl"])[0]
    said = transcript(text)
    cases = read_cases(cases_folder(), "interface_errno,fork_fork,fork_chain")
    guest = not_run(cell, "").results[0]
    results = case_results(said, cell.name, "0x5", cases, lambda case: f"no result from {case.name}")
    probe = read_probe(said.ended[PROBE])
    return CellResult(
        cell,
        (guest, *results),
        seconds=61.0,
        release=said.release,
        libc="musl 1.2.5",
        probe=probe,
        console=Path("console.log"),
    )


def test_a_console_is_read_line_by_line_whatever_stands_before() -> None:
    said = transcript()
    assert said.release == "6.12.1"
    assert said.troubles == ["no cgroup2 on /sys/fs/cgroup: No such device"]
    assert said.running == "fork_chain"
    assert "Attempted to kill init" in said.complaint
    ended = said.ended["interface_errno"]
    assert (ended.status, ended.seconds) == (0, 1.5)
    assert ended.output == "TAP version 14\nok 1 - errno\n1..1\n"
    assert ended.errors == "something on standard error\n"


def test_every_case_has_a_result_also_those_that_did_not_end() -> None:
    outcomes = {result.case.name: result.outcome for result in result_of().results[1:]}
    assert outcomes == {"interface_errno": "pass", "fork_fork": "fail", "fork_chain": "error"}


def test_the_probe_tells_who_served_the_first_draws() -> None:
    assert read_probe(transcript().ended[PROBE]) == Probe(4096, 1000, "active", 999)
    silent = transcript(CONSOLE.replace("vg> draws=1000\n", ""))
    assert read_probe(silent.ended[PROBE]) is None


@pytest.mark.parametrize(
    ("probe", "vdso", "said"),
    [
        (Probe(4096, 1000, "active", 999), True, ""),
        (Probe(4096, 1000, "active", 1000), None, ""),
        (Probe(4096, 1000, "no-vdso", 0), False, ""),
        (Probe(4096, 1000, "no-vdso", 0), None, ""),
        (Probe(4096, 1000, "active", 998), True, "998 of 1000 draws from the vDSO"),
        (Probe(4096, 1000, "no-vdso", 0), True, "the kernel's vDSO has getrandom, but"),
        (Probe(4096, 1000, "active", 1000), False, "the kernel's vDSO has no getrandom, but"),
        (Probe(4096, 1000, "no-memory", 0), None, "status no-memory"),
        (Probe(4096, 1000, "", 0), True, "it was not loaded"),
        (None, True, "did not end well"),
    ],
)
def test_a_fallback_where_the_vdso_should_serve_is_a_failure_and_the_reverse(
    probe: Probe | None, vdso: bool | None, said: str
) -> None:
    found = verdict(probe, vdso)
    assert said in found
    assert bool(found) == bool(said)


def test_reports_name_the_cell_the_case_and_the_console() -> None:
    found = [result_of()]
    text = "\n".join(report.failures([CellResult(**{**vars(found[0]), "results": found[0].results[1:]})]))
    assert "x86_64/6.12/musl: fork_fork: fail: " in text
    assert "x86_64/6.12/musl: console: console.log" in text
    (cell,) = report.as_json(found, "quick")["cells"]
    assert (cell["cell"], cell["kernel"], cell["status"], cell["calls"]) == (
        "x86_64/6.12/musl",
        "6.12.1",
        "active",
        999,
    )
    (suite,) = ElementTree.fromstring(report.as_junit(found))
    assert suite.get("name") == "x86_64/6.12/musl"


def test_the_document_keeps_the_latest_result_of_every_cell(tmp_path: Path) -> None:
    found = result_of()
    ran = CellResult(**{**vars(found), "results": found.results[1:]})
    saved.save([ran, not_run(ran.cell, "no emulator")], "quick", False, tmp_path)
    saved.save([CellResult(**{**vars(ran), "libc": "another"})], "quick", True, tmp_path)  # says nothing of this one
    cells = choose(read_cells(TABLE), ["x86_64/6.12/*"])

    def row(name: str) -> str:
        text = saved.as_markdown(cells, saved.load(cells, tmp_path))
        return next(line for line in text.splitlines() if line.startswith(f"| {name} "))

    assert "| fail | 6.12.1 | 4K | musl 1.2.5 | vDSO |" in row("x86_64/6.12/musl")
    assert "| all | 1 error, 1 fail" in row("x86_64/6.12/musl")
    assert "| not run |" in row("x86_64/6.12/glibc-old")
    mended = CONSOLE.replace("not ok 1 - it repeats", "ok 1 - it does not").replace("fork_fork 1 20", "fork_fork 0 20")
    fork_fork = [result for result in result_of(mended).results if result.case.name == "fork_fork"]
    saved.save([CellResult(**{**vars(ran), "results": (ran.results[0], *fork_fork)})], "quick", True, tmp_path)
    assert "| all | 1 error, 1 pass" in row("x86_64/6.12/musl")


# The real thing. The kernels and libcs come from Debian's archive into the cache, once.


def bootable(name: str) -> Cell:
    """A cell that this host can run; skips with the reason where it can't."""
    (cell,) = choose(read_cells(TABLE), [name])
    needs.require_python("ziglang")
    needs.require(cell.architecture.qemu)
    if why := obstacle(cell, None):
        needs.another_host(f"that can run {name}: {why}")
    try:
        prepare(cell, Plan(read_cases(cases_folder(), CASES), cache_folder(), Path("unused")), lambda part: None)
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    return cell


@pytest.mark.parametrize(("name", "status"), [("x86_64/6.1/glibc-old", "no-vdso"), ("x86_64/6.12/musl", "active")])
def test_a_guest_keeps_every_promise(library: Path, tmp_path: Path, name: str, status: str) -> None:
    cell = bootable(name)
    vgetrandom: Vgetrandom = runner_for(library)
    done = vgetrandom("matrix", "--only", name, "-k", CASES, "--consoles", tmp_path, "--json")
    document = json.loads(done.stdout)
    require_form("matrix", document)
    (found,) = document["cells"]
    assert (found["cell"], found["status"]) == (cell.name, status), done.stdout
    bad = [
        f"{r['case']}: {r['outcome']} {r['reason']}" for r in found["results"] if r["outcome"] not in ("pass", "skip")
    ]
    assert not bad and done.returncode == 0, bad
    passed = {result["case"] for result in found["results"] if result["outcome"] == "pass"}
    assert {"guest", "fork_fork", "fork_handler", "output_large"} <= passed
    assert ("memory_pageout" in passed) == (status == "active")
    assert "vg: done" in next(tmp_path.iterdir()).read_text(errors="replace")

"""musl with core/ in it: built by the verb from Debian's source package, and asked by a part of the suite."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
from command import command_line, environment_with
from conftest import ROOT, one_at_a_time
from prototype.page import block
from prototype.toys import description
from vgetrandom.conformance.libc_folder import look
from vgetrandom.prototype.source import fetch_release
from vgetrandom.system.vdso import find_getrandom, vdso_image

RELEASE = "trixie"
# What a mistake in a host or an allocator breaks: interfaces, forks, threads, handlers, a sandbox, start and end.
CASES = "interface_,confined_main,confined_child,fork_fork,fork_handler,fork_siblings,thread_states,signal_nested,life_"
NO_NETWORK = (
    "can't be had from this host's mirror",
    "no Debian source is configured",
    "can only be fetched where apt is",
)
PERCPU = ROOT / "shim/hosts/allocators/percpu.c"
QUICK = "taken-in-use"  # the other mutants with `pytest -m slow`
PARAMETERS = [
    pytest.param(patch, id=patch.stem, marks=[] if patch.stem == QUICK else [pytest.mark.slow])
    for patch in sorted((Path(__file__).parent / "mutants").glob("*.patch"))
]
TOOLS = ("make", "gcc", "musl-gcc")

pytestmark = needs.program(*TOOLS)


@dataclass(frozen=True)
class Musl:
    """A build: its folder, and what the command printed."""

    folder: Path
    said: str
    patch: Path


def build(library: Path, shared_folder: Path, name: str, allocator: str) -> Musl:
    """One tree for all tests of this run: what is the same for two allocators is compiled once."""
    work, output, patch = (shared_folder / f"musl-{word}" for word in ("work", name, f"{name}.patch"))
    with one_at_a_time(work):
        said = shared_folder / f"musl-{name}.txt"
        if not said.exists():
            words = ["musl", "--release", RELEASE, "--allocator", allocator, "--no-static", "-j", 2]
            done = subprocess.run(
                command_line("prototype", *words, "--work", work, "-o", output, "--patch", patch),
                env=environment_with(library),
                capture_output=True,
                text=True,
            )
            if any(reason in done.stderr for reason in NO_NETWORK):
                needs.skip(done.stderr.strip(), needs.MIRROR)
            assert (done.returncode, done.stderr) == (0, "")
            said.write_text(done.stdout)
    return Musl(output, said.read_text(), patch)


def outcomes(library: Path, folder: Path, cases: str) -> dict[str, str]:
    """Each case that ran: "pass", or what became of it and why."""
    done = subprocess.run(
        command_line("conform", f"libc:prototype={folder}", "-k", cases, "--json"),
        env=environment_with(library),
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    found = {it["case"]: (it["outcome"], it["reason"]) for it in json.loads(done.stdout)["results"]}
    return {
        case: outcome if outcome in ("pass", "skip") else f"{outcome}: {why}" for case, (outcome, why) in found.items()
    }


@pytest.fixture
def slots(library: Path, shared_folder: Path) -> Musl:
    return build(library, shared_folder, "slots", "slots")


def test_musl_with_slots_keeps_its_promises(library: Path, slots: Musl) -> None:
    found = outcomes(library, slots.folder, CASES)
    assert set(found.values()) <= {"pass", "skip"}, found
    assert sum(outcome == "pass" for outcome in found.values()) > 20


def test_it_says_what_it_built(slots: Musl) -> None:
    assert "8 lines added and 0 removed in 3 files" in slots.said
    assert f"slots, in {slots.folder}, in " in slots.said
    assert json.loads((slots.folder / "prototype.json").read_text())["allocator"] == "slots"


def test_the_patch_applies_to_what_was_released(slots: Musl, tmp_path: Path) -> None:
    fetch_release(RELEASE, tmp_path / "source", description())
    done = subprocess.run(
        ["git", "apply", "--check", slots.patch], cwd=tmp_path / "source", capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_its_loader_leads_to_no_other_libc(slots: Musl, tmp_path: Path) -> None:
    """Nor when the folder is moved."""
    shutil.copytree(slots.folder, tmp_path / "moved", symlinks=True)
    found = look(tmp_path / "moved")
    assert found.musl
    assert tmp_path / "moved" in found.loader.parents
    assert not [path for path in (tmp_path / "moved").rglob("*") if path.is_symlink() and path.readlink().is_absolute()]


def read(patch: Path) -> dict[str, str]:
    """The head of a mutant: what it breaks, and which case must notice."""
    head = patch.read_text().partition("\n\n")[0]
    return dict(line.split(": ", 1) for line in head.splitlines())


def mutant(patch: Path, folder: Path) -> Path:
    """percpu.c with one patch applied, as an allocator of the user's own."""
    source = folder / PERCPU.relative_to(ROOT)
    source.parent.mkdir(parents=True)
    shutil.copy(PERCPU, source)
    apply = ["git", "apply", "-C1", "--recount", str(patch)]
    done = subprocess.run(apply, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{patch.name} no longer applies; make it anew: {done.stderr}"
    return source.rename(folder / f"{patch.stem}.c")


def test_musl_with_a_state_for_each_processor_keeps_its_promises(library: Path, shared_folder: Path) -> None:
    cases = "thread_states,fork_states,interface_cost,confined_main"
    found = outcomes(library, build(library, shared_folder, "percpu", "percpu").folder, cases)
    assert set(found.values()) <= {"pass", "skip"}, found


@pytest.mark.parametrize("patch", PARAMETERS)
def test_a_mutant_of_percpu_is_caught(patch: Path, library: Path, shared_folder: Path, tmp_path: Path) -> None:
    head = read(patch)
    broken = build(library, shared_folder, patch.stem, str(mutant(patch, tmp_path)))
    found = outcomes(library, broken.folder, head["Case"])[head["Case"]]
    assert found.startswith(("fail", "crash", "timeout")), f"{head['Breaks']} {head['Case']} did not notice: {found}"


DRAWS = """
#include <sys/random.h>

int main(void)
{
	char bytes[16];

	for (int i = 0; i < 3; i++)
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return 1;
	return 0;
}
"""


@needs.program("gdb")
@needs.host(platform.machine() == "x86_64", "of x86-64, whose thread pointer the page names")
def test_gdb_follows_a_draw_as_the_page_says(slots: Musl, tmp_path: Path) -> None:
    """docs/lifting.md, "How to debug": the first draw, with its thread's record, and the second in the vDSO."""
    image = vdso_image()
    if image is None or find_getrandom(image) is None:
        needs.another_host("whose vDSO has getrandom")
    (tmp_path / "draw.c").write_text(DRAWS)
    subprocess.run([slots.folder / "bin/musl-gcc", "-g", "-o", "draw", "draw.c"], cwd=tmp_path, check=True)
    (tmp_path / "commands").write_text("set startup-with-shell off\n" + block("set breakpoint pending on"))
    done = subprocess.run(
        ["gdb", "-q", "-nx", "-batch", "-x", "commands", "./draw"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DEBUGINFOD_URLS": "", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    record, settings, trace = done.stdout.partition("$1 = ")[2], done.stdout.partition("$2 = ")[2], done.stdout
    assert record.startswith("{slot = 0x0, tail = 0x0, stamp = 1, claimed = 0}"), done.stdout + done.stderr
    assert settings.startswith("{entry = 0x") and "state_size = " in settings.splitlines()[0]
    assert trace.count("hit Breakpoint 1, ") + trace.count("\nBreakpoint 1, ") == 2
    frames = re.findall(r"^#\d+ .*?(\w+) \(", trace, re.MULTILINE)
    assert frames[0] in ("getrandom", "__vdso_getrandom") and frames[-1] == "main"
    assert {"draw_from_state", "__random_draw_slowly"} <= set(frames)

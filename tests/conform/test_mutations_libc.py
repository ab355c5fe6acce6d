"""Every way to break a list of free states under a lock, tests/mutations-libc, is caught in a libc that has it.

The libc is musl with shim/hosts/allocators/freelist.c, as `vgetrandom prototype` builds it. A patch that no longer
applies has to be made anew: change that file, `git diff -U2 -- shim/hosts/allocators`, and keep the first lines.
`Step:` is what CONFORM_STEP takes: the event and the kind of draw in which it shows, so that a run takes seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import needs
import pytest
from command import command_line
from conftest import ROOT, one_at_a_time
from test_mutations import CAUGHT, Mutation, read

MUTATIONS = ROOT / "tests" / "mutations-libc"
ALLOCATOR = Path("shim/hosts/allocators/freelist.c")
RELEASE = "trixie"
QUICK = ("listed-in-use", "mark-kept", "straddles")
PATCHES = sorted(MUTATIONS.glob("*.patch"))
PARAMETERS = [
    pytest.param(patch, id=patch.stem, marks=[] if patch.stem in QUICK else [pytest.mark.slow]) for patch in PATCHES
]
needs_make = needs.program("make")
BuildLibc = Callable[[Path], Path]


def mutant(patch: Path, folder: Path) -> Path:
    """The allocator with one patch applied."""
    (folder / ALLOCATOR.parent).mkdir(parents=True)
    shutil.copy(ROOT / ALLOCATOR, folder / ALLOCATOR)
    apply = ["git", "apply", "-C1", "--recount", str(patch)]
    done = subprocess.run(apply, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{patch.name} no longer applies; make it anew: {done.stderr}"
    return Path(shutil.move(folder / ALLOCATOR, folder / "freelist.c"))


@pytest.fixture
def build_libc(shared_folder: Path, tmp_path: Path) -> BuildLibc:
    """build_libc(FILE.c): musl with this allocator, in the build tree of tests/prototype: one after another."""

    def build(allocator: Path) -> Path:
        work, output = shared_folder / "musl-work", tmp_path / "libc"
        words = ["prototype", "musl", "--release", RELEASE, "--allocator", str(allocator), "--no-static", "-j", "2"]
        with one_at_a_time(work):
            command = command_line(*words, "-o", str(output), "--work", str(work))
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 2 and not (work / "source").exists():
                needs.skip(f"musl's source can't be had: {done.stderr.strip()}", needs.MIRROR)
        assert done.returncode == 0, done.stderr
        return output

    return build


def outcome(libc: Path, case: str, step: str = "") -> tuple[str, str]:
    """How one case ends with one build, and why."""
    environment = {**os.environ, "CONFORM_STEP": step} if step else None
    command = command_line("conform", f"libc:built={libc}", "-k", case, "--json")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout, done.stderr
    result = next(entry for entry in json.loads(done.stdout)["results"] if entry["case"] == case)
    return result["outcome"], result["reason"]


def is_caught(mutation: Mutation, libc: Path) -> None:
    found, why = outcome(libc, mutation.case, mutation.step)
    assert found in CAUGHT, f"{mutation.breaks} {mutation.case} did not notice: {found} {why}"


@needs_make
@pytest.mark.parametrize("patch", PARAMETERS)
def test_mutant_is_caught(patch: Path, build_libc: BuildLibc, tmp_path: Path) -> None:
    is_caught(read(patch), build_libc(mutant(patch, tmp_path / "mutant")))


@needs_make
@pytest.mark.slow
@pytest.mark.parametrize("patch", [pytest.param(patch, id=patch.stem) for patch in PATCHES])
def test_mutant_is_caught_ten_times_of_ten(patch: Path, build_libc: BuildLibc, tmp_path: Path) -> None:
    libc = build_libc(mutant(patch, tmp_path / "mutant"))
    for _ in range(10):
        is_caught(read(patch), libc)


@needs_make
def test_cases_named_by_patches_pass_without_them(build_libc: BuildLibc) -> None:
    """Otherwise the tests above would prove nothing."""
    libc = build_libc(ROOT / ALLOCATOR)
    names = {read(patch).case for patch in PATCHES if patch.stem in QUICK}
    assert {name: outcome(libc, name) for name in names} == dict.fromkeys(names, ("pass", ""))


@needs_make
@pytest.mark.slow
def test_all_cases_named_by_patches_pass_without_them(build_libc: BuildLibc) -> None:
    libc = build_libc(ROOT / ALLOCATOR)
    wanted = {(read(patch).case, read(patch).step) for patch in PATCHES}
    assert {pair: outcome(libc, *pair) for pair in wanted} == dict.fromkeys(wanted, ("pass", ""))


@pytest.mark.parametrize("patch", [pytest.param(patch, id=patch.stem) for patch in PATCHES])
def test_each_patch_applies_and_names_a_case(patch: Path, tmp_path: Path) -> None:
    assert mutant(patch, tmp_path / "mutant").read_text() != (ROOT / ALLOCATOR).read_text()
    assert (ROOT / "tests" / "conformance" / f"{read(patch).case}.c").exists()

"""Every way to break the library in tests/mutations is caught by the conformance case that its patch names.

A patch that no longer applies has to be made anew: change shim/, `git diff -U2 -- shim`, and keep its first lines.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import command_line, environment_with
from conftest import ROOT, meson, one_at_a_time

MUTATIONS = ROOT / "tests" / "mutations"
# One of each kind, for every run; the others with `pytest -m slow`.
QUICK = (
    "bulk-fork-unseen",
    "bulk-same-blocks",
    "forget-errno",
    "handed-on-in-a-draw",
    "homes-not-compared",
    "keep-a-byte",
    "modulo-bias",
    "never-busy",
    "null-is-an-address",
    "ordinary-memory",
    "stamp-not-looked-at",
)
CAUGHT = ("fail", "crash", "timeout")


@dataclass(frozen=True)
class Mutation:
    patch: Path
    breaks: str
    case: str
    step: str = ""  # for CONFORM_STEP: where in a case of the group "step" it shows


def read(patch: Path) -> Mutation:
    head = patch.read_text().partition("\n\n")[0].replace("\n  ", " ")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return Mutation(patch, fields["Breaks"], fields["Case"], fields.get("Step", ""))


PATCHES = sorted(MUTATIONS.glob("*.patch"))
PARAMETERS = [
    pytest.param(patch, id=patch.stem, marks=[] if patch.stem in QUICK else [pytest.mark.slow]) for patch in PATCHES
]


def build_mutant(mutation: Mutation, shared_folder: Path, tmp_path: Path) -> Path:
    """The library with one patch applied: in a build tree that all mutants share, one after another."""
    tree = shared_folder / "mutants"
    with one_at_a_time(tree):
        if not (tree / "build" / "build.ninja").exists():
            for name in ("shim", "include"):
                shutil.copytree(ROOT / name, tree / name, dirs_exist_ok=True)
            for name in ("meson.build", "meson.options"):
                shutil.copy(ROOT / name, tree / name)
            meson("setup", str(tree / "build"), str(tree), "-Dwerror=false")
        apply = ["git", "apply", "-C1", "--recount", str(mutation.patch)]
        done = subprocess.run(apply, cwd=tree, capture_output=True, text=True)
        assert done.returncode == 0, f"{mutation.patch.name} no longer applies; make it anew: {done.stderr}"
        try:
            meson("compile", "-C", str(tree / "build"))
            shutil.copy(tree / "build" / "shim" / "preload" / "libvgetrandom.so", tmp_path)
        finally:
            # Not by a copy with the old times: ninja would keep what it made of the mutant, for the next one.
            subprocess.run([*apply, "--reverse"], cwd=tree, check=True)
    return tmp_path / "libvgetrandom.so"


def outcome(library: Path, case: str) -> tuple[str, str]:
    """How one case ends with one build of the library, and why."""
    done = subprocess.run(
        command_line("conform", "shim", "-k", case, "--json"),
        env=environment_with(library),
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    result = next(entry for entry in json.loads(done.stdout)["results"] if entry["case"] == case)
    return result["outcome"], result["reason"]


@pytest.mark.parametrize("patch", PARAMETERS)
def test_mutant_is_caught(patch: Path, shared_folder: Path, tmp_path: Path) -> None:
    mutation = read(patch)
    found, why = outcome(build_mutant(mutation, shared_folder, tmp_path), mutation.case)
    assert found in CAUGHT, f"{mutation.breaks} {mutation.case} did not notice: {found} {why}"


def test_cases_named_by_patches_pass_without_them(library: Path) -> None:
    """Otherwise the tests above would prove nothing."""
    names = {read(patch).case for patch in PATCHES if patch.stem in QUICK}
    assert {name: outcome(library, name) for name in names} == dict.fromkeys(names, ("pass", ""))


def test_a_mutant_leaves_nothing_to_the_next(shared_folder: Path, tmp_path: Path) -> None:
    first, second = (read(MUTATIONS / f"{name}.patch") for name in ("forget-errno", "modulo-bias"))
    build_mutant(first, shared_folder, tmp_path)
    assert outcome(build_mutant(second, shared_folder, tmp_path), first.case) == ("pass", "")


def test_there_are_enough_mutations() -> None:
    assert len(PATCHES) >= 15
    assert {patch.stem for patch in PATCHES} >= set(QUICK)

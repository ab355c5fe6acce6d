"""What `vgetrandom prototype glibc` does to each release's source; and, built, whether it keeps its promises."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import needs
import pytest
from command import command_line, environment_with
from conftest import ROOT
from prototype.toys import description, toy_glibc
from vgetrandom.errors import VgetrandomError
from vgetrandom.prototype import glibc
from vgetrandom.prototype.allocator import find_allocator
from vgetrandom.prototype.edits import apply
from vgetrandom.prototype.lift import Change, Lift, changes

RELEASES = ("2.36", "2.41", "2.43")
TOOLS = (*glibc.TOOLS, "make", "gcc", "apt-get")
# In the slow test: interfaces, start, sandboxes, forks, threads, and an event at each instruction.
CASES = ("interface", "life", "confined", "thread_states", "fork_states", "fork_threads", "step_fork_continue")
# A list's first draw in a thread blocks signals and takes a lock: a sandbox may have been set up before.
KNOWN = {"slots": (), "freelist": ("confined_",)}


def lifted(tree: Path, version: str, allocator: str) -> dict[str, Change]:
    found = find_allocator(ROOT / "shim", allocator)
    assert found
    lift = Lift(description("glibc"), found, True, "x86_64", version)
    return {change.file: change for change in changes(lift, ROOT / "shim", tree, tree.parent / "pristine")}


@pytest.mark.parametrize("version", RELEASES[1:])
def test_slots_needs_no_hook_and_leaves_none_of_glibcs_own(tmp_path: Path, version: str) -> None:
    found = lifted(toy_glibc(tmp_path / "glibc"), version, "slots")
    hooks = re.compile(r"__getrandom_(fork_subprocess|vdso_release|reset_state|allocator)|getrandom_buf")
    assert not [change.file for change in found.values() if change.before is not None and hooks.search(change.after)]
    assert "random/slots.c" in found and "random/freelist.c" not in found
    assert "sysdeps/unix/sysv/linux/x86_64/getrandom.c" in found


@pytest.mark.parametrize("version", RELEASES)
def test_freelist_is_told_of_forks_and_of_threads_ends(tmp_path: Path, version: str) -> None:
    found = lifted(toy_glibc(tmp_path / "glibc"), version, "freelist")
    fork = found["sysdeps/nptl/_Fork.c"].after
    assert re.search(r"allocator_fork \(-1\);\n.*arch_fork.*\n.*allocator_fork \(pid == 0\);\n", fork)
    assert ("internal_signal_block_all" in fork) == (version == "2.36"), "later releases block signals there anyway"
    assert "__getrandom_allocator_thread_end ();" in found["nptl/pthread_create.c"].after


@pytest.mark.parametrize("other", [False, True])
def test_mallocs_word_stays_a_system_call_in_upstreams_source_and_in_debians(tmp_path: Path, other: bool) -> None:
    found = lifted(toy_glibc(tmp_path / "glibc", other), "2.36", "slots")
    assert "__getrandom_nocancel_direct (&tcache_key" in found["malloc/malloc.c"].after


def test_a_source_with_none_of_several_anchors_is_named(tmp_path: Path) -> None:
    edit = next(edit for edit in description("glibc").edits if edit.others)
    with pytest.raises(VgetrandomError, match=r"malloc\.c has moved on"):
        apply(edit, "int main;\n", edit.add)


def test_libraries_get_the_names_that_programs_know(tmp_path: Path) -> None:
    versions = tmp_path / "soversions.mk"
    versions.write_text(
        "ld.so-version=ld-linux-x86-64.so.2\nall-sonames+=ld=$(ld.so-version)\n"
        "libc.so-version=.6\nall-sonames+=libc=libc.so$(libc.so-version)\n"
    )
    assert glibc.library_names(versions) == {"ld": "ld-linux-x86-64.so.2", "libc": "libc.so.6"}


@pytest.mark.slow
@needs.program(*TOOLS)
def test_glibc_with_slots_and_with_a_list_keeps_its_promises(library: Path, tmp_path: Path) -> None:
    """glibc's own allocator is taken out of this release. The second build compiles only what the first has not."""
    version, work = "2.41", tmp_path / "work"
    for allocator, known in KNOWN.items():
        output = tmp_path / allocator
        words = ("glibc", "--release", version, "--allocator", allocator, "--work", work, "-o", output)
        built = run(library, "prototype", *words)
        assert built.returncode == 0, built.stderr
        assert f"glibc {version}, {allocator}" in built.stdout
        results = [result for case in CASES for result in asked(library, f"libc:{allocator}={output}", case)]
        bad = {r["case"]: r for r in results if r["outcome"] not in ("pass", "skip")}
        assert not [case for case in bad if not case.startswith(tuple(known))], bad
        assert len(results) > 25


def run(library: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_line(*words), env=environment_with(library), capture_output=True, text=True)


def asked(library: Path, target: str, cases: str) -> list[dict[str, str]]:
    """What `conform` found; a libc that it took for another one is an error."""
    done = run(library, "conform", target, "-k", cases, "--json")
    assert done.returncode in (0, 1), done.stderr
    results: list[dict[str, str]] = json.loads(done.stdout)["results"]
    return results

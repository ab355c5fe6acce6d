"""What `vgetrandom prototype` makes of a libc's source, and what it says when it can't; no libc is built here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, command_line, environment_with, one_line
from conftest import ROOT
from prototype.alone import what_a_compiler_says
from prototype.toys import HOSTS, description, toy_musl
from vgetrandom.errors import VgetrandomError
from vgetrandom.prototype import source as source_module
from vgetrandom.prototype.allocator import NAMES, Allocator, find_allocator
from vgetrandom.prototype.description import Edit, numbers, read_description
from vgetrandom.prototype.edits import apply
from vgetrandom.prototype.lift import Change, Lift, changes, write
from vgetrandom.prototype.patch import as_patch, size

SHIM = ROOT / "shim"
needs_build = needs.program("make", "gcc")
LIBCS = sorted(path.parent.name for path in HOSTS.glob("*/prototype.toml"))
OWN = """
#include "allocator.h"
bool allocator_take(void) { return false; }
void allocator_put(void) { }
size_t allocator_size(void)
{
	return 0;
}
"""


@pytest.fixture
def musl(tmp_path: Path) -> Path:
    return toy_musl(tmp_path / "musl")


def edit(place: str, anchor: str, add: str = "new\n") -> Edit:
    return Edit("the reason", "src/file.c", place, anchor, add, "", ("", ""))


def lift(allocator: str = "slots", bulk: bool = True, machine: str = "x86_64") -> Lift:
    found = find_allocator(SHIM, allocator)
    assert found
    return Lift(description(), found, bulk, machine, "1.2.5")


def lifted(tree: Path, what: Lift) -> list[Change]:
    """Put it into the tree; beside it lies what the edited files were."""
    pristine = tree.parent / "pristine"
    found = changes(what, SHIM, tree, pristine)
    write(found, tree, pristine)
    return found


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("place", "text"),
    [("after", "a\nb\nnew\nc\n"), ("before", "a\nnew\nb\nc\n"), ("replace", "a\nnew\nc\n")],
)
def test_an_edit_puts_whole_lines_at_its_anchor(place: str, text: str) -> None:
    change = edit(place, "b\n")
    assert apply(change, "a\nb\nc\n", change.add) == text
    assert apply(change, "ab\nb\n", change.add).startswith("ab\n"), "an anchor begins a line"


def test_an_anchor_that_is_gone_is_named_with_the_line_most_like_it() -> None:
    with pytest.raises(VgetrandomError) as error:
        apply(edit("after", "\t__init_ssp((void *)aux[AT_RANDOM]);\n"), "{\n\t__init_ssp(aux);\n}\n", "new\n")
    assert str(error.value) == (
        "src/file.c has moved on: the edit for the reason looks for the line `__init_ssp((void *)aux[AT_RANDOM]);`, "
        "which is not there (line 2 is the most like it: `__init_ssp(aux);`); mend the edit's anchor"
    )


def test_an_anchor_that_is_there_twice_is_named_with_its_lines() -> None:
    with pytest.raises(VgetrandomError, match="which is there 2 times, in lines 1, 3; mend the edit's anchor"):
        apply(edit("after", "b\n"), "b\na\nb\n", "new\n")


@pytest.mark.parametrize(("first", "second"), [("1.2.5", "1.2.10"), ("2.36", "2.41"), ("2.41", "2.41.9000")])
def test_versions_are_compared_by_their_numbers(first: str, second: str) -> None:
    assert numbers(first) < numbers(second)


@pytest.mark.parametrize("libc", LIBCS)
def test_each_edit_says_why_and_asks_for_what_some_allocator_has(libc: str) -> None:
    found = read_description(HOSTS, libc)
    assert found.edits and found.releases
    assert all(edit.why and not Path(edit.file).is_absolute() for edit in found.edits)
    assert {edit.condition for edit in found.edits} <= {"", "bulk", "allocator_fork", "allocator_thread_end"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[files]\n", "releases"),
        ('[releases]\n[files]\ncore="c"\n[[edit]]\nwhy="w"\nfile="f"\nadd="a\\n"\n', "needs one of after, before"),
        ('[releases]\n[files]\ncore="c"\n[[edit]]\nwhy="w"\nfile="f"\nadd="a\\n"\nafter="b"\n', "not of whole lines"),
        ("[", "does not describe"),
    ],
)
def test_a_wrong_description_is_one_error(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some/prototype.toml").write_text(text)
    with pytest.raises(VgetrandomError, match=wrong):
        read_description(tmp_path, "some")


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize("allocator", [name for name in NAMES if name != "none"])
def test_the_patch_applies_to_the_source_and_makes_the_same_tree(musl: Path, allocator: str, bulk: bool) -> None:
    pristine = contents(musl)
    found = lifted(musl, lift(allocator, bulk))
    made = contents(musl)
    other = musl.with_name("other")
    for name, text in pristine.items():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(text)
    words = ["git", "apply", "--whitespace=error-all", "-"]
    done = subprocess.run(words, cwd=other, input=as_patch(found), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(other) == made


def test_an_allocator_with_hooks_edits_more_than_one_without(musl: Path) -> None:
    slots, percpu, freelist = (size(changes(lift(name), SHIM, musl, musl)) for name in ("slots", "percpu", "freelist"))
    assert slots.added < percpu.added < freelist.added
    assert slots.removed == percpu.removed == freelist.removed == 0
    assert (slots.files, slots.added) == (3, 8)


def test_each_source_has_its_unit_and_includes_lead_to_it(musl: Path) -> None:
    lifted(musl, lift())
    units = [*musl.glob("src/random/x86_64/*.c"), musl / "src/linux/x86_64/getrandom.c"]
    included = [unit.parent / unit.read_text().split('"')[1] for unit in units]
    assert all(path.is_file() for path in included)
    sources = list(musl.glob("src/random/core/**/*.c"))
    assert sorted(path.resolve() for path in included) == sorted(path.resolve() for path in sources)


VECTORS = {
    "x86_64": "avx2",
    "aarch64": "neon",
    "ppc64le": "vsx",
    "riscv64": "rvv",
    "s390x": "vx",
    "loongarch64": "lsx",
}


@pytest.mark.parametrize(("machine", "vector"), VECTORS.items())
def test_each_architecture_gets_its_vectors_or_none(musl: Path, machine: str, vector: str) -> None:
    with_vectors = {change.file for change in changes(lift(machine=machine), SHIM, musl, musl)}
    without = {change.file for change in changes(lift(bulk=False, machine=machine), SHIM, musl, musl)}
    assert f"src/random/core/chacha/{vector}.c" in with_vectors
    assert "src/random/core/chacha/choose-none.c" in without - with_vectors
    arch = {"ppc64le": "powerpc64"}.get(machine, machine)
    assert f"src/linux/{arch}/getrandom.c" in with_vectors & without


def test_another_allocator_in_the_same_tree_leaves_nothing_of_the_one_before(musl: Path) -> None:
    lifted(musl, lift("slots"))
    once = contents(musl)
    lifted(musl, lift("freelist"))
    assert contents(musl) != once
    lifted(musl, lift("slots"))
    assert contents(musl) == once


def test_a_file_that_stays_as_it_is_keeps_its_time(musl: Path) -> None:
    lifted(musl, lift())
    for path in musl.rglob("*"):
        os.utime(path, (1, 1))
    lifted(musl, lift())
    assert not [path for path in musl.rglob("*") if path.is_file() and path.stat().st_mtime > 1]
    lifted(musl, lift(bulk=False))
    newer = {path for path in musl.rglob("*") if path.is_file() and path.stat().st_mtime > 1}
    core = musl / "src/random/core"
    assert {path for path in newer if core in path.parents} == {core / "chacha/choose-none.c"}
    units = {*musl.glob("src/random/x86_64/*.c"), musl / "src/linux/x86_64/getrandom.c"}
    assert newer - {core / "chacha/choose-none.c"} == units, "a makefile does not know what they include"


def test_nothing_is_written_over_that_was_in_the_source(musl: Path) -> None:
    (musl / "src/random/core").mkdir(parents=True)
    (musl / "src/random/core/draw.c").write_text("the libc's own")
    with pytest.raises(VgetrandomError, match=r"draw\.c is there already"):
        lifted(musl, lift())
    assert (musl / "src/random/core/draw.c").read_text() == "the libc's own"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("allocator", ["freelist", "percpu"])
def test_an_allocator_compiles_with_core_and_without_a_warning(tmp_path: Path, allocator: str, compiler: str) -> None:
    needs.require(compiler)
    found = find_allocator(SHIM, allocator)
    assert found
    assert what_a_compiler_says(compiler, found, tmp_path / "core") == (0, "")


def own(tmp_path: Path, text: str) -> Allocator:
    (tmp_path / "slots.c").write_text(text)
    found = find_allocator(SHIM, str(tmp_path / "slots.c"))
    assert found
    return found


def test_a_file_of_the_users_own_is_an_allocator_with_the_hooks_that_it_defines(tmp_path: Path) -> None:
    assert own(tmp_path, OWN).hooks == frozenset()
    assert own(tmp_path, OWN + "void allocator_fork(int when)\n{\n}\n").hooks == {"allocator_fork"}
    assert own(tmp_path, OWN + "void allocator_thread_end(void); /* declared */\n").hooks == frozenset()
    assert own(tmp_path, OWN).files["slots.c"] == SHIM / "hosts/allocators/slots.c", "whatever its own name is"


def test_an_allocator_that_lacks_a_function_is_told_which(tmp_path: Path) -> None:
    with pytest.raises(VgetrandomError, match="does not define allocator_put, as "):
        own(tmp_path, OWN.replace("void allocator_put(void) { }", "void allocator_put(void);"))


def test_a_suite_with_another_version_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy_musl(tmp_path / "musl-1.2.9", version="1.2.9")
    archive = tmp_path / "musl.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "musl-1.2.9", "musl-1.2.9")
    monkeypatch.setattr(source_module, "fetch_source", lambda suite, package: archive)
    with pytest.raises(VgetrandomError, match=r"Debian's trixie has musl 1\.2\.9 now, not 1\.2\.5"):
        source_module.fetch_release("1.2.5", tmp_path / "tree", description())
    assert not (tmp_path / "tree").exists()
    source_module.fetch_release("trixie", tmp_path / "tree", description())
    assert contents(tmp_path / "tree") == contents(tmp_path / "musl-1.2.9")


@needs_build
@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("", "name the libc to build: "),
        ("uclibc --source {musl} -o {new}", "name the libc to build: "),
        ("musl -o {new}", "say where the source of musl is: --source DIR or --release NAME"),
        ("musl --source {musl}", "name what to make: -o DIR for a libc, --patch FILE for a patch"),
        ("musl --source {musl} --release sid -o {new}", "not allowed with argument --source"),
        ("musl --source {full} -o {new}", "is not the source of musl; name the folder of its release or checkout"),
        ("musl --source {full}/no -o {new}", "is not a folder; --source takes a libc's source tree"),
        ("musl --source {musl} -o {full}", "is not empty, and no prototype; give -o one that is not there yet"),
        ("musl --source {musl} -o {new}:x", "has ':' in it, which the build of a libc does not bear; name another"),
        ("musl --source {musl} --allocator no.c -o {new}", "--allocator takes slots, freelist, percpu, none or a C"),
        ("musl --release no/such -o {new}", "'no/such' can't be the name of a Debian release"),
        ("musl --release 9.9 -o {new}", "where musl 9.9 is to be had is not known here; name 1.2.5, 1.2.6, a suite of"),
        ("musl --source {musl} -o {full}/something/new", "something can't be written to (Not a directory); give -o"),
        ("musl --source {musl} -o /proc/new/new", "/proc can't be written to ("),
        ("musl --source {musl} --work {full}/something -o {new}", "give --work another place"),
        ("musl --source {musl} -o {new} --patch {full}", "is a folder; give --patch a file to write"),
        ("musl --source {musl} -o {new} --patch {new}/no/patch", "/no; give --patch a file to write"),
    ],
)
def test_what_is_wrong_is_one_line(vgetrandom: Vgetrandom, musl: Path, tmp_path: Path, words: str, wrong: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").touch()
    result = vgetrandom("prototype", *words.format(musl=musl, new=tmp_path / "new", full=full).split())
    assert result.returncode == 2
    assert wrong in one_line(result)
    assert not (tmp_path / "new").exists()


def test_a_source_that_has_moved_on_is_one_line_that_names_the_anchor(
    vgetrandom: Vgetrandom, musl: Path, tmp_path: Path
) -> None:
    path = musl / "src/internal/pthread_impl.h"
    path.write_text(path.read_text().replace("stdio_locks", "stdio_lock_list"))
    result = vgetrandom("prototype", "musl", "--source", musl, "--patch", tmp_path / "patch")
    assert result.returncode == 2
    line = one_line(result)
    assert "src/internal/pthread_impl.h has moved on: the edit for the thread record looks for the line" in line
    assert "line 2 is the most like it: `void *stdio_lock_list;`" in line
    assert not (tmp_path / "patch").exists()


def test_a_patch_alone_builds_nothing_and_leaves_the_source_as_it_is(
    vgetrandom: Vgetrandom, musl: Path, tmp_path: Path
) -> None:
    before = contents(musl)
    result = vgetrandom("prototype", "musl", "--source", musl, "--patch", tmp_path / "patch")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("edits      8 lines added and 0 removed in 3 files, ")
    assert contents(musl) == before
    assert subprocess.run(["git", "apply", "--check", tmp_path / "patch"], cwd=musl).returncode == 0


def test_a_working_folder_is_of_one_source(vgetrandom: Vgetrandom, musl: Path, tmp_path: Path) -> None:
    work, patch = tmp_path / "work", tmp_path / "patch"
    other = toy_musl(tmp_path / "other")
    assert vgetrandom("prototype", "musl", "--source", musl, "--work", work, "--patch", patch).returncode == 0
    assert vgetrandom("prototype", "musl", "--source", musl, "--work", work, "--patch", patch).returncode == 0
    result = vgetrandom("prototype", "musl", "--source", other, "--work", work, "--patch", patch)
    assert result.returncode == 2
    assert "is of another source; give --work a folder for this one" in one_line(result)


@needs_build
@pytest.mark.parametrize(
    ("last_words", "why"),
    [
        ("echo checking; echo 'configure: error: no compiler'", "configure: error: no compiler"),
        (
            "echo 'ld: x.o: undefined reference to y'; echo 'collect2: error: ld failed'",
            "ld: x.o: undefined reference to y",
        ),
        ("echo checking", "checking"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(
    vgetrandom: Vgetrandom, tmp_path: Path, last_words: str, why: str
) -> None:
    musl = toy_musl(tmp_path / "musl", f"{last_words}; exit 1")
    (tmp_path / "tmp").mkdir()
    words = ("prototype", "musl", "--source", musl, "-o", tmp_path / "new")
    result = vgetrandom(*words, TMPDIR=str(tmp_path / "tmp"))
    assert result.returncode == 2
    assert f"configuring musl failed: {why}; --work DIR keeps" in one_line(result)
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "tmp").iterdir())


@needs_build
def test_what_a_compiler_says_of_a_file_of_the_users_own_has_its_name(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    musl = toy_musl(tmp_path / "musl", "echo '/x/y/../core/own_allocator.c:2:36: error: no such thing'; exit 1")
    own_file = tmp_path / "mine.c"
    own_file.write_text(OWN)
    result = vgetrandom("prototype", "musl", "--source", musl, "--allocator", own_file, "-o", tmp_path / "new")
    assert result.returncode == 2
    assert f"configuring musl failed: {own_file}:2:36: error: no such thing; --work DIR keeps" in one_line(result)


def wait_for(condition: Callable[[], bool]) -> None:
    """A condition that comes true sooner or later; the test's own end is far away."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not come true")


def ended(pid: str) -> bool:
    """Gone, or waiting for whoever adopted it to take notice."""
    try:
        return "\nState:\tZ" in Path("/proc", pid, "status").read_text()
    except OSError:
        return True


@needs_build
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_build_with_all_that_it_started(
    library: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    started = tmp_path / "started"
    musl = toy_musl(tmp_path / "musl", f"sleep 1000 & echo $! $$ > {started}.new; mv {started}.new {started}; wait")
    (tmp_path / "tmp").mkdir()
    words = command_line("prototype", "musl", "--source", musl, "-o", tmp_path / "new")
    environment = environment_with(library, TMPDIR=str(tmp_path / "tmp"))
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for(started.exists)
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == status
    assert said.splitlines() == [f"vgetrandom: {'terminated' if number == signal.SIGTERM else 'interrupted'}"]
    for pid in started.read_text().split():
        wait_for(partial(ended, pid))
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "tmp").iterdir())


def test_the_record_of_a_tree_is_no_file_of_it(musl: Path) -> None:
    lifted(musl, lift())
    assert json.loads((musl.parent / "pristine/added.json").read_text())
    assert not list(musl.rglob("*.json"))

"""The closure of a program is what its own loader would load, for real programs and for each rule of ld.so(8)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import needs
import pytest
from vgetrandom.scan.closure import Closure, Loader, Root
from vgetrandom.scan.elf_facts import Facts, Kind
from vgetrandom.scan.survey import FactStore, files_in, privilege_of
from vgetrandom.system.ldcache import parse_cache, read_cache

ENOUGH = 60  # real programs to compare


def closure_of(path: Path, library_path: str = "", root: Root | None = None) -> Closure:
    store = FactStore()
    facts = store(str(path))
    assert isinstance(facts, Facts), facts
    return Loader(store, root or Root(), library_path.split(":")).closure(str(path), facts)


def files_of(closure: Closure) -> set[str]:
    """The libraries, under their real names."""
    return {os.path.realpath(item.path) for item in closure.objects[1:]}


def glibc_says(path: Path, library_path: str = "") -> tuple[set[str], set[str]]:
    """Files and missing names as glibc's loader lists them (ld.so(8), LD_TRACE_LOADED_OBJECTS)."""
    environment = {"LD_TRACE_LOADED_OBJECTS": "1", "LC_ALL": "C"}
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    done = subprocess.run([str(path)], env=environment, capture_output=True, text=True)
    found, missing = set(), set()
    for line in done.stdout.splitlines():
        words = line.split()
        if words[1:4] == ["=>", "not", "found"]:
            missing.add(words[0])
        elif words[-1].startswith("(0x") and "vdso" not in words[0]:
            found.add(os.path.realpath(words[2] if words[1] == "=>" else words[0]))
    return found, missing


def test_real_programs_get_the_libraries_that_their_loader_lists() -> None:
    store = FactStore()
    loader = Loader(store, Root())
    compared = 0
    for path in files_in(["/usr/bin", "/usr/sbin"]):
        facts = store(path)
        if compared == 2 * ENOUGH or not isinstance(facts, Facts) or facts.kind is not Kind.PROGRAM or facts.bits != 64:
            continue
        # Every third program: there are families with the same libraries. A privileged one would run instead.
        if hash_of(path) % 3 or "ld-linux" not in facts.interpreter or privilege_of(path):
            continue
        compared += 1
        found, missing = glibc_says(Path(path))
        closure = loader.closure(path, facts)
        assert (files_of(closure), set(closure.missing)) == (found, missing), path
    assert compared >= ENOUGH


def hash_of(text: str) -> int:
    """The same in every process, unlike hash()."""
    return sum(text.encode())


NEW, OLD = "-Wl,--enable-new-dtags,-rpath,", "-Wl,--disable-new-dtags,-rpath,"  # RUNPATH, RPATH

# A program that needs liba.so, which needs libb.so; a second libb.so elsewhere shows which of the two is taken.
CASES = {
    "runpath is not inherited": (NEW + "$ORIGIN/first", "", ""),
    "rpath is inherited": (OLD + "$ORIGIN/first", "", ""),
    "a runpath of its own": (
        NEW + "$ORIGIN/first",
        NEW + "$ORIGIN",
        "",
    ),
    "a runpath of its own hides the program's rpath": (
        OLD + "$ORIGIN/first",
        NEW + "$ORIGIN/../second",
        "",
    ),
    "rpath before LD_LIBRARY_PATH": (OLD + "$ORIGIN/first", "", "second"),
    "LD_LIBRARY_PATH before runpath": (NEW + "$ORIGIN/first", "", "second:first"),
    "braces": (
        NEW + "${ORIGIN}/first",
        NEW + "${ORIGIN}/../second",
        "",
    ),
    "nothing found": ("", "", ""),
}


def build_tree(folder: Path, program_option: str, library_option: str, compiler: str = "gcc") -> Path:
    """prog -> liba.so (first/, second/) -> libb.so (first/, second/)."""
    (folder / "empty.c").write_text("int nothing(void) { return 0; }\n")
    (folder / "main.c").write_text("int main(void) { return 0; }\n")

    def compile_one(*words: object) -> None:
        subprocess.run([compiler, *map(str, words), "-Wl,--no-as-needed"], check=True, cwd=folder)

    for name in ("second", "first"):
        (folder / name).mkdir()
        compile_one("-shared", "-fPIC", "-o", folder / name / "libb.so", "empty.c", "-Wl,-soname,libb.so")
        options = [library_option] if library_option else []
        needs = ["-Wl,--no-as-needed", f"-L{folder / name}", "-lb"]
        compile_one(
            "-shared", "-fPIC", "-o", folder / name / "liba.so", "empty.c", "-Wl,-soname,liba.so", *options, *needs
        )
    options = [program_option] if program_option else []
    needs = ["-Wl,--no-as-needed", "-Lfirst", "-la", "-Wl,--allow-shlib-undefined"]
    compile_one("-o", "prog", "main.c", *options, *needs)
    return folder / "prog"


@pytest.mark.parametrize("name", CASES)
def test_search_folders_are_glibc_s(name: str, tmp_path: Path) -> None:
    program_option, library_option, folders = CASES[name]
    program = build_tree(tmp_path, program_option, library_option)
    library_path = ":".join(str(tmp_path / folder) for folder in folders.split(":") if folder)
    closure = closure_of(program, library_path)
    assert (files_of(closure), set(closure.missing)) == glibc_says(program, library_path)


def test_a_link_to_a_program_has_the_origin_of_the_program(tmp_path: Path) -> None:
    program = build_tree(tmp_path, OLD + "$ORIGIN/first", "")
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(program)
    assert files_of(closure_of(link)) == glibc_says(link)[0]


def test_a_library_of_another_machine_is_passed_over(tmp_path: Path) -> None:
    program = build_tree(tmp_path, NEW + "$ORIGIN/first:$ORIGIN/second", "")
    foreign = tmp_path / "first" / "liba.so"
    data = bytearray(foreign.read_bytes())
    data[18:20] = (40).to_bytes(2, "little")  # EM_ARM in e_machine
    foreign.write_bytes(data)
    found, missing = glibc_says(program)
    closure = closure_of(program)
    assert str(tmp_path / "second" / "liba.so") in found
    assert (files_of(closure), set(closure.missing)) == (found, missing)


def test_a_musl_program_s_folders_are_musl_s(tmp_path: Path) -> None:
    needs.require("musl-gcc")
    # musl lets liba.so use the program's RUNPATH: glibc does not.
    program = build_tree(tmp_path, NEW + "$ORIGIN/first", "", compiler="musl-gcc")
    closure = closure_of(program)
    listed = subprocess.run([program], env={"LD_TRACE_LOADED_OBJECTS": "1"}, capture_output=True, text=True)
    loader = subprocess.run([closure.program.facts.interpreter, "--list", program], capture_output=True, text=True)
    assert listed.returncode == 0 and loader.returncode == 0
    found = {os.path.realpath(line.split()[2]) for line in loader.stdout.splitlines() if "=>" in line}
    assert files_of(closure) == found | {os.path.realpath(closure.program.facts.interpreter)}
    assert {path.name for path in map(Path, found)} >= {"liba.so", "libb.so"}


def test_a_program_in_another_root_gets_that_root_s_libraries(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "opt").mkdir(parents=True)
    (root / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    program = build_tree(root / "opt", "", "")
    (root / "usr/lib/x86_64-linux-gnu/liba.so").symlink_to("/opt/first/liba.so")  # absolute: as the program sees it
    (root / "lib").symlink_to("usr/lib")
    closure = closure_of(program, root=Root(str(root)))
    assert str(root / "opt/first/liba.so") in files_of(closure)
    assert {"libb.so", "libc.so.6"} <= set(closure.missing)
    with_host = closure_of(program, root=Root(str(root), fallback=True))
    assert "libc.so.6" not in with_host.missing


def test_a_loop_of_links_in_a_root_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/b")
    (tmp_path / "b").symlink_to("/a")
    assert list(Root(str(tmp_path)).locate("/a/file")) == []


def test_the_cache_is_read_as_ldconfig_prints_it() -> None:
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    if ldconfig is None or not Path("/etc/ld.so.cache").exists():
        needs.another_host("with ldconfig and its cache")
    lines = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout.splitlines()
    printed = [(line.split()[0], line.split()[-1]) for line in lines if "=>" in line]
    read = [(name, path) for name, paths in read_cache(Path("/etc/ld.so.cache")).items() for path in paths]
    assert sorted(read) == sorted(printed)
    assert len(read) > 20


def test_a_damaged_cache_is_no_cache() -> None:
    data = Path("/etc/ld.so.cache").read_bytes()
    assert parse_cache(b"") == {}
    assert parse_cache(b"something else") == {}
    for size in range(0, 400, 7):
        parse_cache(data[:size])
    claims_more = bytearray(data)
    claims_more[20:24] = b"\xff\xff\xff\xff"
    assert parse_cache(bytes(claims_more))

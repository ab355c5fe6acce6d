"""The table of `vgetrandom matrix`: which cells it gives, and one sentence for each way in which it can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import Vgetrandom, one_line
from vgetrandom.errors import VgetrandomError
from vgetrandom.matrix.cells import TABLE, Cell, choose, read_cells, with_kernel, with_libc

ARCHITECTURES = ["x86_64", "aarch64", "riscv64", "powerpc64le", "s390x", "loongarch64"]
MACHINE = 'debian = "d"\nqemu = "q"\npackage = "p"\noptions = ["-M", "m"]\nconsole = "c"\n'
KERNELS = (
    '[vax.kernel.old]\nrelease = "r"\npackage = "linux-[0-9]+"\n[vax.kernel.mine]\nfile = "vmlinuz"\nvdso = true\n'
)
LIBCS = '[vax.libc.g]\nfamily = "gnu"\nrelease = "r"\n[vax.libc.m]\nfamily = "musl"\ndirectory = "lib"\n'
TABLE_TEXT = f"[vax]\n{MACHINE}{KERNELS}{LIBCS}"


def table(folder: Path, text: str = TABLE_TEXT) -> Path:
    path = folder / "cells.toml"
    path.write_text(text)
    return path


def names(cells: list[Cell]) -> list[str]:
    return [cell.name for cell in cells]


def test_every_kernel_comes_with_every_libc(tmp_path: Path) -> None:
    cells = read_cells(table(tmp_path))
    assert names(cells) == ["vax/old/g", "vax/old/m", "vax/mine/g", "vax/mine/m"]
    assert cells[3].kernel.file == tmp_path / "vmlinuz"
    assert cells[3].libc.directory == tmp_path / "lib"
    assert [cell.kernel.vdso for cell in cells] == [None, None, True, True]


def test_or_with_those_that_the_kernel_names(tmp_path: Path) -> None:
    text = TABLE_TEXT.replace('file = "vmlinuz"', 'file = "vmlinuz"\nlibcs = ["m"]')
    assert names(read_cells(table(tmp_path, text))) == ["vax/old/g", "vax/old/m", "vax/mine/m"]


def test_cases_are_left_to_the_cell_that_the_table_names(tmp_path: Path) -> None:
    leave = '[vax.leave]\nstep_drop = "old/m"\n"step_*" = "nobody here"\n'
    cells = {cell.name: cell for cell in read_cells(table(tmp_path, TABLE_TEXT + leave))}
    assert cells["vax/old/m"].left_to("step_drop") == ""
    assert cells["vax/old/g"].left_to("step_drop") == "vax/old/m"
    assert {cell.left_to("step_fork") for cell in cells.values()} == {"nobody here"}
    assert {cell.left_to("fork_step") for cell in cells.values()} == {""}


def test_the_own_table_has_all_architectures_with_and_without_the_vdso_and_all_kinds_of_libc() -> None:
    cells = read_cells(TABLE)
    assert list(dict.fromkeys(cell.architecture.name for cell in cells)) == ARCHITECTURES
    for arch in ARCHITECTURES:
        mine = [cell for cell in cells if cell.architecture.name == arch]
        assert {cell.kernel.vdso for cell in mine} == {True, False}
        assert {cell.libc.family for cell in mine if cell.kernel.vdso} == {"gnu", "musl"}
        for pattern in ("memory_pageout", "fork_fork", "interface_huge"):
            assert any(cell.kernel.vdso and not cell.left_to(pattern) for cell in mine), (arch, pattern)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], ["vax/old/g", "vax/old/m", "vax/mine/g", "vax/mine/m"]),
        (["*/g"], ["vax/old/g", "vax/mine/g"]),
        (["vax/*/m", "vax/old/*"], ["vax/old/g", "vax/old/m", "vax/mine/m"]),
    ],
)
def test_cells_are_chosen_by_wildcards(tmp_path: Path, patterns: list[str], expected: list[str]) -> None:
    assert names(choose(read_cells(table(tmp_path)), patterns)) == expected


def test_a_kernel_or_libc_of_ones_own_takes_the_place_of_the_tables(tmp_path: Path) -> None:
    cells = read_cells(table(tmp_path, TABLE_TEXT + '[vax.leave]\n"step_*" = "old/m"\n'))
    (tmp_path / "bzImage").touch()
    mine = with_kernel(cells, "vax", tmp_path / "bzImage")
    assert names(mine) == ["vax/bzImage/g", "vax/bzImage/m"]
    assert mine[0].kernel.vdso is None, "nobody has said"
    assert mine[0].left_to("step_drop") == "", "no other cell has this kernel"
    for name, family in (("ld-musl-vax.so.1", "musl"), ("ld-linux.so.2", "gnu")):
        folder = tmp_path / family / "lib"
        folder.mkdir(parents=True)
        (folder / name).touch()
        both = with_libc(mine, "vax", folder.parent)
        assert names(both) == [f"vax/bzImage/{family}"]
        assert both[0].libc.family == family


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[vax]", "[vax", "is not TOML"),
        (TABLE_TEXT, "", "there is no cell in the table"),
        (TABLE_TEXT, "vax = 3\n", "vax is not a table"),
        ('console = "c"\n', "", r"\[vax\] has no console"),
        ('console = "c"\n', "console = 3\n", r"console in \[vax\] is not a string"),
        ('["-M", "m"]', '"-M m"', r"options in \[vax\] is not a list of strings"),
        ('["-M", "m"]', "[1]", r"options in \[vax\] is not a list of strings"),
        ('console = "c"', 'console = "c"\ncolour = "red"', r"\[vax\] has colour"),
        (LIBCS, "", r"\[vax\] has no libc"),
        (LIBCS, "[vax.libc]\ng = 1\n", "vax.libc.g is not a table"),
        ('release = "r"\npackage', "package", r"\[vax.kernel.old\] has neither release and package, nor file"),
        ("linux-[0-9]+", "linux-[", r"package in \[vax.kernel.old\] is not a regular expression"),
        ("vdso = true", 'vdso = "yes"', r"vdso in \[vax.kernel.mine\] is not true or false"),
        ("vdso = true", 'libcs = ["x"]', r"\[vax.kernel.mine\] names the libc x"),
        ("vdso = true", 'libcs = "m"', r"libcs in \[vax.kernel.mine\] is not a list of strings"),
        ('family = "gnu"', 'family = "bionic"', r"family in \[vax.libc.g\] is neither gnu nor musl"),
        ('directory = "lib"', "", r"\[vax.libc.m\] has neither release nor directory"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in TABLE_TEXT
    path = table(tmp_path, TABLE_TEXT.replace(old, new))
    with pytest.raises(VgetrandomError, match=complaint) as caught:
        choose(read_cells(path), [])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_a_table_that_can_not_be_read_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cells.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VgetrandomError, match=str(path)):
        read_cells(path)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--only", "vax/*"], "no cell named like vax/*; see"),
        (["--kernel", "/no/kernel"], "/no/kernel is not a file"),
        (["--libc", "/no/libc"], "/no/libc is not a folder"),
        (["--kernel", "/bin/true", "--arch", "vax"], "no cells for vax; choose with --arch among x86_64"),
        (["--table", "/no/table"], "/no/table can't be read"),
        (["-k", "no_such_case"], "no_such_case"),
        (["--document", "/no/document"], "/no/document can't be read"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(
    vgetrandom: Vgetrandom, tmp_path: Path, words: list[str], complaint: str
) -> None:
    result = vgetrandom("matrix", "--qemu", tmp_path, *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert complaint in one_line(result)


def test_list_says_which_cells_this_host_can_not_run(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("matrix", "--list", "--qemu", tmp_path)
    assert result.returncode == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()[1:]}
    assert list(rows) == names(read_cells(TABLE))
    assert "qemu-system-aarch64 is not in" in rows["aarch64/newest/glibc-new"]
    assert "no Debian kernel for loong64" in rows["loongarch64/without/glibc-new"]


def test_an_emulator_that_is_too_old_is_told_so(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    for name, says in (("qemu-system-loongarch64", "QEMU emulator version 7.2.22 (x)"), ("qemu-system-x86_64", "?")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    listed = vgetrandom("matrix", "--list", "--only", "loongarch64/newest/*", "--qemu", tmp_path).stdout
    assert listed.count("qemu-system-loongarch64 7.2.22 does not boot these kernels") == 3


def test_nothing_that_can_be_run_is_neither_yes_nor_no(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    result = vgetrandom("matrix", "--only", "s390x/6.12/*", "--qemu", tmp_path)
    assert result.returncode == 2
    assert [line.split()[1:3] for line in result.stdout.splitlines()[1:]] == [["not", "run"]] * 2
    assert all("qemu-system-s390x is not in" in line for line in result.stderr.splitlines())


@pytest.mark.parametrize("option", ["--html", "--junit", "--document"])
def test_what_can_not_be_written_is_told_before_hours_of_running(
    vgetrandom: Vgetrandom, option: str, tmp_path: Path
) -> None:
    result = vgetrandom("matrix", "--only", "s390x/6.12/*", "--qemu", tmp_path, option, "/nowhere/file")
    assert result.returncode == 2
    assert "/nowhere/file" in one_line(result)

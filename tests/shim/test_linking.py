"""The library is one to link with, too: header, shared library, archive and pkg-config file, as installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import needs
import pytest
from conftest import NATIVE, Build, meson, one_at_a_time
from preloading import Run, run

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SHARED = ["-fPIC"]  # otherwise the linker makes a copy of the record, which the header does not declare, in the program


@pytest.fixture(scope="session")
def installed(build: Build, shared_folder: Path) -> Path:
    """What `meson install` puts below DESTDIR; the prefix is /usr."""
    folder = shared_folder / "installed"
    with one_at_a_time(folder):
        if not folder.exists():
            meson("install", "-C", str(build.folder), "--no-rebuild", DESTDIR=str(folder))
    return folder


def compiles(*command: str | Path) -> None:
    needs.require(str(command[0]))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def draws(program: Path, libraries: Path | str = "") -> Run:
    """Run tests/native/linked.c's program, which is not preloaded into: it must draw from the vDSO all the same."""
    done = run([program], LD_LIBRARY_PATH=str(libraries))
    assert done.status == 0, (done.status, done.output, done.errors)
    drawn, record = done.text.splitlines()
    assert len(drawn) == 64
    assert record == "status 1 calls 2 bytes 32"
    return done


def test_install_puts_each_file_where_it_belongs(installed: Path) -> None:
    files = sorted(str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file())
    assert files == [
        "usr/include/vgetrandom.h",
        "usr/lib/libvgetrandom-report.so",
        "usr/lib/libvgetrandom.a",
        "usr/lib/libvgetrandom.so",
        "usr/lib/pkgconfig/vgetrandom.pc",
        "usr/share/man/man3/vgetrandom.3",
        "usr/share/man/man7/libvgetrandom.7",
    ]


def pkg_config(installed: Path, *arguments: str) -> list[str]:
    """The words that pkg-config prints for the installed library."""
    command = needs.require("pkg-config")
    environment = {
        **os.environ,
        "PKG_CONFIG_PATH": str(installed / "usr/lib/pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(installed),
        "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
        "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
    }
    return subprocess.run(
        [command, *arguments, "vgetrandom"], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


def test_pkg_config_knows_name_version_and_flags(installed: Path) -> None:
    project = (Path(__file__).parents[2] / "meson.build").read_text()
    (version,) = pkg_config(installed, "--modversion")
    assert f"version: '{version}'" in project
    flags = pkg_config(installed, "--cflags", "--libs")
    assert f"-I{installed}/usr/include" in flags and "-lvgetrandom" in flags


def test_a_program_links_the_shared_library_by_pkg_config(installed: Path, tmp_path: Path) -> None:
    flags = pkg_config(installed, "--cflags", "--libs")
    compiles("gcc", "-std=gnu11", *STRICT, *SHARED, NATIVE / "linked.c", "-o", tmp_path / "program", *flags)
    needed = subprocess.run(["readelf", "-d", tmp_path / "program"], capture_output=True, text=True).stdout
    assert "[libvgetrandom.so]" in needed
    draws(tmp_path / "program", installed / "usr/lib")


@pytest.mark.parametrize(
    ("compiler", "mode"),
    [
        ("gcc", []),
        ("gcc", ["-static"]),
        ("gcc", ["-static-pie", "-fPIE"]),
        ("musl-gcc", []),
        ("musl-gcc", ["-static"]),
    ],
    ids=lambda value: "".join(value[:1]) if isinstance(value, list) else value,
)
def test_a_program_links_the_archive(installed: Path, tmp_path: Path, compiler: str, mode: list[str]) -> None:
    """Also into a program without any shared library."""
    options = ["-std=gnu11", "-O2", *STRICT, f"-I{installed}/usr/include", "-o", str(tmp_path / "program"), *mode]
    compiles(compiler, *options, NATIVE / "linked.c", installed / "usr/lib/libvgetrandom.a")
    draws(tmp_path / "program")


def test_a_static_program_links_by_pkg_config(installed: Path, tmp_path: Path) -> None:
    flags = pkg_config(installed, "--static", "--cflags", "--libs")
    compiles("gcc", "-static", "-std=gnu11", *STRICT, NATIVE / "linked.c", "-o", tmp_path / "program", *flags)
    draws(tmp_path / "program")


@pytest.mark.parametrize("standard", ["c99", "c11", "gnu17"])
def test_the_header_is_strict_c(installed: Path, tmp_path: Path, standard: str) -> None:
    source = tmp_path / "header.c"
    source.write_text("#include <vgetrandom.h>\n#include <vgetrandom.h>\nint unused(void);\n")
    options = [f"-std={standard}", *STRICT, f"-I{installed}/usr/include"]
    compiles("gcc", *options, "-c", source, "-o", tmp_path / "header.o")


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_a_c_plus_plus_program_links_it(installed: Path, tmp_path: Path, standard: str) -> None:
    options = [f"-std={standard}", *STRICT, *SHARED, f"-I{installed}/usr/include", f"-L{installed}/usr/lib"]
    source = tmp_path / "linked.cc"
    shutil.copy(NATIVE / "linked.c", source)
    compiles("g++", *options, source, "-lvgetrandom", "-o", tmp_path / "program")
    draws(tmp_path / "program", installed / "usr/lib")

"""Debian's packages come verified, whole and once; errors are one sentence. The fetches are real."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import needs
import pytest
from elftools.elf.elffile import ELFFile
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian

# Small, without scripts, and in every release and architecture.
PACKAGE = "musl"


@pytest.fixture(scope="session")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where packages can't be fetched at all: no apt, no Debian source, or a mirror that doesn't answer."""
    needs.require("apt-get")
    try:
        uri = debian.host_mirror().uri
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    target = tmp_path_factory.mktemp("probe") / "InRelease"
    helper = "/usr/lib/apt/apt-helper"
    command = [helper, "download-file", f"{uri.rstrip('/')}/dists/trixie/InRelease", str(target)]
    if subprocess.run(command, capture_output=True, timeout=120).returncode != 0:
        needs.skip("the host's Debian mirror does not answer", needs.MIRROR)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(debian.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def machine_of(path: Path) -> str:
    with path.open("rb") as stream:
        return str(ELFFile(stream)["e_machine"])  # type: ignore[no-untyped-call]


def test_a_package_of_another_architecture_is_unpacked_and_nothing_is_installed(reachable: None) -> None:
    root = debian.fetch("sid", "arm64", [PACKAGE])
    assert machine_of(next(root.rglob("libc.so"))) == "EM_AARCH64"
    assert (root / "PACKAGES").read_text().startswith("musl_1.2.")
    assert subprocess.run(["dpkg-query", "-W", f"{PACKAGE}:arm64"], capture_output=True).returncode != 0


def test_a_warm_cache_needs_no_apt(reachable: None, monkeypatch: pytest.MonkeyPatch) -> None:
    root = debian.fetch("trixie", "amd64", ["libc6"])
    monkeypatch.setattr(debian, "_apt_get", lambda *_arguments, **_options: pytest.fail("apt ran"))
    assert debian.fetch("trixie", "amd64", ["libc6"]) == root


def test_a_source_package_comes_as_upstreams_archive_once(
    reachable: None, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = debian.fetch_source("trixie", PACKAGE)
    assert archive.parent == cache / "sources"
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    version = names[0].partition("/")[0]
    assert f"{version}/src/linux/getrandom.c" in names
    assert not [name for name in names if name.startswith(f"{version}/debian/")]
    monkeypatch.setattr(debian, "_apt_get", lambda *_arguments, **_options: pytest.fail("apt ran"))
    assert debian.fetch_source("trixie", PACKAGE) == archive


def test_a_source_package_that_is_not_there_is_one_sentence(reachable: None) -> None:
    with pytest.raises(VgetrandomError, match="Debian trixie has no such source package"):
        debian.fetch_source("trixie", "no-such-package")


@pytest.mark.parametrize(("release", "version"), [("bullseye", "2.31"), ("bookworm", "2.36"), ("trixie", "2.41")])
def test_libc_directory_holds_the_release_s_libc(reachable: None, release: str, version: str) -> None:
    folder = debian.libc_directory(release, "amd64")
    assert f"GNU C Library (Debian GLIBC {version}".encode() in (folder / "libc.so.6").read_bytes()


def test_two_processes_at_once_get_the_same_whole_folder(reachable: None, cache: Path) -> None:
    command = [sys.executable, "-m", "vgetrandom.system.debian", "bookworm", "amd64", PACKAGE]
    environment = {**os.environ, "PYTHONPATH": str(Path(debian.__file__).resolve().parents[2])}
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate(timeout=300)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(answers) == 1
    assert machine_of(next(Path(answers.pop()).rglob("libc.so"))) == "EM_X86_64"
    assert [path.name for path in (cache / "roots").iterdir() if path.name.startswith(".")] == []


def test_a_release_signed_by_an_unknown_key_is_refused(
    reachable: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.gpg").write_bytes(b"")
    mirror = debian.Mirror(debian.host_mirror().uri, str(tmp_path / "empty.gpg"))
    monkeypatch.setattr(debian, "host_mirror", lambda: mirror)
    with pytest.raises(VgetrandomError, match="sign"):
        debian.fetch("bookworm", "amd64", [PACKAGE])
    assert not (cache / "roots").exists()


def test_a_missing_package_is_one_sentence(reachable: None) -> None:
    with pytest.raises(VgetrandomError, match="trixie for amd64 has no such package") as caught:
        debian.fetch("trixie", "amd64", ["vgetrandom-no-such-package"])
    assert "\n" not in str(caught.value)


def test_a_missing_release_is_one_sentence(reachable: None, cache: Path) -> None:
    with pytest.raises(VgetrandomError, match="nosuch for amd64 can't be had") as caught:
        debian.fetch("nosuch", "amd64", [PACKAGE])
    assert "\n" not in str(caught.value)


def test_a_host_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(VgetrandomError, match="apt-get is not installed"):
        debian.fetch("trixie", "amd64", [PACKAGE])


@pytest.mark.parametrize("name", ["../etc", "-oX=y", "", "a b"])
def test_a_name_that_is_none_never_reaches_apt(name: str) -> None:
    with pytest.raises(VgetrandomError, match="can't be the name"):
        debian.fetch("trixie", "amd64", [name])


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(debian.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(VgetrandomError, match=f"set {debian.CACHE_VARIABLE}"):
        debian.cache_folder()


def test_the_cache_follows_the_xdg_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(debian.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert debian.cache_folder() == tmp_path / "vgetrandom"


def test_the_mirror_is_read_from_both_formats_and_vendors_are_passed_over(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "a-vendor.list").write_text("deb [arch=amd64] http://vendor.invalid/apt nodistro main\n")
    (parts / "b.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://mirror.invalid/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n"
        "Types: deb\nURIs: http://mirror.invalid/debian-security\nSuites: bookworm-security\n"
    )
    mirror = debian.host_mirror(tmp_path)
    assert mirror.uri == "http://mirror.invalid/debian"
    assert mirror.signed_by == "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc"
    (tmp_path / "sources.list").write_text(
        "# deb http://old.invalid/debian buster main\ndeb [signed-by=/k.gpg] http://list.invalid/debian trixie main\n"
    )
    assert debian.host_mirror(tmp_path) == debian.Mirror("http://list.invalid/debian", "/k.gpg")


def test_a_host_without_a_debian_source_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://vendor.invalid/apt nodistro main\n")
    with pytest.raises(VgetrandomError, match="no Debian source"):
        debian.host_mirror(tmp_path)

"""`vgetrandom deploy service`: a drop-in that systemd reads as meant, and nothing left of it afterwards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import needs
import pytest
from broken import BROKEN, compile_broken, tree
from command import Vgetrandom, one_line
from vgetrandom.deploy.units import read_unit
from vgetrandom.errors import VgetrandomError

PLACE = "/usr/local/lib/libvgetrandom.so"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with one service in it."""
    folder = tmp_path / "root"
    write(folder, "usr/lib/systemd/system/shop.service", "[Service]\nExecStart=/usr/bin/shop\n")
    return folder


def write(root: Path, path: str, text: str) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    return root / path


def preloads(root: Path) -> str:
    """What the service preloads, all files read."""
    return read_unit("shop", root).variable("LD_PRELOAD")


def test_service_gets_the_library_and_undo_leaves_nothing(vgetrandom: Vgetrandom, root: Path, library: Path) -> None:
    before = tree(root)
    done = vgetrandom("deploy", "service", "shop", "--root", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert preloads(root) == PLACE
    assert (root / PLACE[1:]).read_bytes() == library.read_bytes()
    assert (root / PLACE[1:]).stat().st_mode & 0o777 == 0o755
    again = vgetrandom("deploy", "service", "shop", "--root", root)
    assert (again.returncode, preloads(root)) == (0, PLACE)
    undone = vgetrandom("deploy", "service", "shop.service", "--root", root, "--undo")
    assert (undone.returncode, undone.stderr) == (0, "")
    after = tree(root)
    assert {path: text for path, text in after.items() if text is not None} == {
        path: text for path, text in before.items() if text is not None
    }
    assert vgetrandom("deploy", "service", "shop", "--root", root, "--undo").returncode == 1


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Environment=LD_PRELOAD=/usr/lib/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2"),
        ('Environment="A=b" "LD_PRELOAD=/a.so /b.so" C=d', "/a.so:/b.so"),
        ("Environment=A=b \\\n  LD_PRELOAD=/a.so", "/a.so"),
        ("Environment=LD_PRELOAD=/a.so\nEnvironment=LD_PRELOAD=/b.so", "/b.so"),
        ("Environment=LD_PRELOAD=/opt/%i.so", "/opt/%i.so"),
        ("Environment=LD_PRELOAD=/a.so\nEnvironment=", ""),
        ("#Environment=LD_PRELOAD=/a.so", ""),
        (f"Environment=LD_PRELOAD=/a.so:{PLACE}", "/a.so"),
        ("Environment=LD_PRELOAD=/opt/mine/libvgetrandom.so", ""),
    ],
)
def test_what_is_preloaded_already_stays_in_front(vgetrandom: Vgetrandom, root: Path, line: str, kept: str) -> None:
    write(root, "etc/systemd/system/shop.service.d/10-mine.conf", f"[Service]\n{line}\n")
    done = vgetrandom("deploy", "service", "shop", "--root", root)
    assert done.returncode == 0, done.stderr
    assert preloads(root) == f"{kept}:{PLACE}".lstrip(":")
    assert vgetrandom("deploy", "service", "shop", "--root", root, "--undo").returncode == 0
    assert (root / "etc/systemd/system/shop.service.d/10-mine.conf").is_file()


def test_library_stays_as_long_as_another_service_has_it(vgetrandom: Vgetrandom, root: Path) -> None:
    write(root, "etc/systemd/system/other@.service", "[Service]\nExecStart=/usr/bin/other\n")
    for name in ("shop", "other@7"):
        assert vgetrandom("deploy", "service", name, "--root", root).returncode == 0
    listed = json.loads(vgetrandom("deploy", "--list", "--json", "--root", root).stdout)
    assert [one["target"] for one in listed["deployments"]] == ["other@7.service", "shop.service"]
    assert {one["library"] for one in listed["deployments"]} == {PLACE}
    assert vgetrandom("deploy", "service", "shop", "--root", root, "--undo").returncode == 0
    assert (root / PLACE[1:]).is_file()
    assert vgetrandom("deploy", "service", "other@7", "--root", root, "--undo").returncode == 0
    assert not (root / PLACE[1:]).exists()
    assert vgetrandom("deploy", "--list", "--root", root).returncode == 1


def test_dry_run_shows_and_writes_nothing(vgetrandom: Vgetrandom, root: Path) -> None:
    before = tree(root)
    shown = vgetrandom("deploy", "service", "shop", "--root", root, "--dry-run")
    assert shown.returncode == 0
    assert f'+Environment="LD_PRELOAD={PLACE}"' in shown.stdout.splitlines()
    assert tree(root) == before


@pytest.mark.parametrize("how", BROKEN)
def test_broken_library_writes_nothing(vgetrandom: Vgetrandom, root: Path, tmp_path: Path, how: str) -> None:
    before = tree(root)
    broken = compile_broken(how, tmp_path)
    done = vgetrandom("deploy", "service", "shop", "--root", root, "--library", broken)
    assert done.returncode == 1
    assert one_line(done).endswith("; nothing is written")
    assert tree(root) == before


@pytest.mark.parametrize("content", [b"", b"\x7fELF", None])
def test_half_a_library_writes_nothing(
    vgetrandom: Vgetrandom, library: Path, root: Path, tmp_path: Path, content: bytes | None
) -> None:
    before = tree(root)
    half = tmp_path / "libvgetrandom.so"
    half.write_bytes(library.read_bytes()[:20000] if content is None else content)
    done = vgetrandom("deploy", "service", "shop", "--root", root, "--library", half)
    assert done.returncode in (1, 2)
    assert one_line(done)
    assert tree(root) == before


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("etc/default/shop", "LD_PRELOAD=/a.so\n", "comes after any drop-in"),
        ("etc/systemd/system/shop.service.d/1.conf", "[Service]\nUnsetEnvironment=LD_PRELOAD\n", "UnsetEnvironment"),
        ("etc/systemd/system/shop.service.d/1.conf", "[Service]\nRootDirectory=/srv\n", "RootDirectory=/srv"),
        ("etc/systemd/system/shop.service.d/50-vgetrandom.conf", "[Service]\n", "not of this command"),
        ("usr/local/lib/libvgetrandom.so", "mine", "move it away"),
    ],
)
def test_what_would_have_no_effect_is_refused(
    vgetrandom: Vgetrandom, root: Path, file: str, text: str, said: str
) -> None:
    write(root, "usr/lib/systemd/system/shop.service.d/0.conf", "[Service]\nEnvironmentFile=-/etc/default/shop\n")
    write(root, file, text)
    before = tree(root)
    done = vgetrandom("deploy", "service", "shop", "--root", root)
    assert done.returncode == 2
    assert said in one_line(done)
    assert tree(root) == before


def test_no_such_service_and_a_masked_one_are_one_line(vgetrandom: Vgetrandom, root: Path) -> None:
    assert "no nothing.service" in one_line(vgetrandom("deploy", "service", "nothing", "--root", root))
    assert "no name of a service" in one_line(vgetrandom("deploy", "service", "../shop", "--root", root))
    masked = root / "etc/systemd/system/masked.service"
    masked.parent.mkdir(parents=True)
    masked.symlink_to("/dev/null")
    assert "masked" in one_line(vgetrandom("deploy", "service", "masked", "--root", root))


def test_files_are_read_in_systemds_order(root: Path) -> None:
    """systemd.unit(5): /etc's file of a name hides that of /usr/lib, and names decide, not folders."""
    for folder in ("usr/lib", "etc"):
        write(root, f"{folder}/systemd/system/shop.service.d/20.conf", f"[Service]\nEnvironment=LD_PRELOAD=/{folder}\n")
    assert preloads(root) == "/etc"
    write(root, "usr/lib/systemd/system/service.d/30.conf", "[Service]\nEnvironment=LD_PRELOAD=/all\n")
    assert preloads(root) == "/all"
    write(root, "etc/systemd/system/shop.service", "[Unit]\nEnvironment=LD_PRELOAD=/no\n[Service]\nExecStart=/x\n")
    assert preloads(root) == "/all"
    with pytest.raises(VgetrandomError, match=r"no shop@x\.service"):
        read_unit("shop@x", root)


@needs.program("systemd-analyze")
def test_systemd_itself_accepts_the_drop_in(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    unit = write(tmp_path, "etc/systemd/system/shop.service", "[Service]\nExecStart=/bin/true\n")
    assert vgetrandom("deploy", "service", "shop", "--root", tmp_path).returncode == 0
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")

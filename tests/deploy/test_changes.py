"""Files that are written together: all of them or none, and never a part of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from vgetrandom.deploy import changes
from vgetrandom.deploy.changes import Change, apply
from vgetrandom.errors import VgetrandomError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """One that is there, one that is not, and one that will go."""
    there, new, going = tmp_path / "there", tmp_path / "folder" / "new", tmp_path / "going"
    there.write_text("old")
    there.chmod(0o600)
    going.write_text("still")
    return there, new, going


def test_all_is_written_and_the_mode_of_what_was_there_stays(files: tuple[Path, Path, Path]) -> None:
    there, new, going = files
    with there.open() as reader:
        apply([Change(there, b"fresh"), Change(new, b"new", 0o755), Change(going, None)])
        assert reader.read() == "old"
    assert (there.read_bytes(), there.stat().st_mode & 0o777) == (b"fresh", 0o600)
    assert (new.read_bytes(), new.stat().st_mode & 0o777) == (b"new", 0o755)
    assert not going.exists()


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_everything_as_it_was(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    there, new, going = files
    made = changes._make
    left = [failing]

    def fail_once(change: Change) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise error
        made(change)

    monkeypatch.setattr(changes, "_make", fail_once)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else VgetrandomError):
        apply([Change(going, None), Change(new, b"new"), Change(there, b"fresh")])
    assert (there.read_text(), new.exists(), going.read_text()) == ("old", False, "still")
    assert not list(there.parent.glob(".*"))


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "first").write_text("old")
    with pytest.raises(VgetrandomError, match="no ordinary file"):
        apply([Change(tmp_path / "first", b"new"), Change(tmp_path / "link", b"new")])
    assert (tmp_path / "first").read_text() == "old"
    assert (tmp_path / "link").is_symlink()

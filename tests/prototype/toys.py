"""A toy of a libc's source: the files that its edits need, with the anchors and nothing else."""

from __future__ import annotations

from pathlib import Path

from conftest import ROOT
from vgetrandom.prototype.description import Description, read_description

HOSTS = ROOT / "shim" / "hosts"


def description(libc: str = "musl") -> Description:
    return read_description(HOSTS, libc)


def toy_musl(folder: Path, configure: str = "exit 1", version: str = "1.2.5") -> Path:
    """The folder; `configure` is a line of shell that stands for musl's script of that name."""
    for edit in description().edits:
        path = folder / edit.file
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else "/* begin */\n"
        if edit.anchor not in before:
            path.write_text(before + edit.anchor + "/* between */\n")
    (folder / "VERSION").write_text(f"{version}\n")
    (folder / "ldso").mkdir()
    (folder / "ldso/dynlink.c").touch()
    (folder / "src/linux").mkdir(parents=True, exist_ok=True)
    (folder / "configure").write_text(f"#!/bin/sh\n{configure}\n")
    (folder / "configure").chmod(0o755)
    return folder


def toy_glibc(folder: Path, other: bool = False) -> Path:
    """glibc's files with the anchors of all releases and nothing else; `other`: with the last of several anchors."""
    for edit in description("glibc").edits:
        path = folder / edit.file
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        anchor = (edit.anchor, *edit.others)[-1 if other else 0]
        if anchor not in before:
            path.write_text(before + anchor + "/* between */\n")
    return folder

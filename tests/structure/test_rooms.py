"""Imports run down from room to room, and never in a circle (the rooms are in docs, the picture is import_graph.py's).

A new room gets its place in LAYERS. A room knows those of the layers below its own, and none beside it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import import_graph
import pytest
from import_graph import PACKAGE, as_text, circle, module_graph, room_graph

LAYERS = (
    {"__main__"},
    {"cli"},
    {"check", "clones", "deploy"},
    {"bench", "matrix", "observe", "prototype"},
    {"conformance", "doctor", "scan", "status"},
    {"preload"},  # where the library is, and starting a program with it
    {"output", "system"},  # how a verb shows what it knows; facts about this host
    {"errors"},
    {"__init__"},
)


def arrows_up(rooms: import_graph.Graph) -> list[str]:
    """What is wrong with the rooms of a package: each arrow that does not run down, each room without a place."""
    depth = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    wrong = [f"{room} has no place in LAYERS" for room in sorted(rooms) if room not in depth]
    for room, others in sorted(rooms.items()):
        wrong += [f"{room} imports {it}" for it in sorted(others) if depth.get(it, 99) <= depth.get(room, -1)]
    return wrong


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of two rooms, the upper of which knows the lower: cli/run.py and system/elf.py."""
    folder = tmp_path / "vgetrandom"
    for name, text in (
        ("__init__.py", ""),
        ("cli/__init__.py", ""),
        ("cli/run.py", "from ..system import elf\nimport vgetrandom.system.elf\n"),
        ("system/__init__.py", ""),
        ("system/elf.py", "import os\n"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_imports_run_down() -> None:
    assert not arrows_up(room_graph(module_graph(PACKAGE)))


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not circle(module_graph(PACKAGE))
    assert not circle(room_graph(module_graph(PACKAGE)))


@pytest.mark.parametrize(
    "upward",
    [
        "from ..cli import run",
        "from ..cli.run import obey",
        "def later():\n    from .. import cli",
        "import vgetrandom.cli.run",
        "from vgetrandom.cli import run",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..cli import run",
    ],
)
def test_an_arrow_that_runs_up_is_found_however_it_is_written(package: Path, upward: str) -> None:
    assert not arrows_up(room_graph(module_graph(package)))
    (package / "system" / "elf.py").write_text(upward)
    rooms = room_graph(module_graph(package))
    assert arrows_up(rooms) == ["system imports cli"]
    assert circle(rooms) == ["cli", "system", "cli"]


def test_an_arrow_to_a_room_beside_is_found() -> None:
    assert arrows_up({"system": {"output"}, "output": set()}) == ["system imports output"]


def test_a_room_without_a_place_is_found(package: Path) -> None:
    (package / "attic").mkdir()
    (package / "attic" / "__init__.py").touch()
    assert arrows_up(room_graph(module_graph(package))) == ["attic has no place in LAYERS"]


def test_a_circle_of_files_in_one_room_is_found(package: Path) -> None:
    (package / "system" / "elf.py").write_text("from . import host\n")
    (package / "system" / "host.py").write_text("from .elf import Elf\n")
    graph = module_graph(package)
    assert circle(graph) == ["system.elf", "system.host", "system.elf"]
    assert not circle(room_graph(graph))


def test_the_command_prints_the_graph(package: Path) -> None:
    script = Path(import_graph.__file__)
    shown = subprocess.run([sys.executable, script, package], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["cli      -> system", "1 arrows between 3 rooms, no circle"]
    own = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert own == as_text(room_graph(module_graph(PACKAGE))) + "\n"

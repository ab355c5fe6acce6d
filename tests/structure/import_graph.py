"""Which room of a Python package imports which, as text.

    python tests/structure/import_graph.py [FOLDER]

FOLDER is a package, by default pytools/vgetrandom here. A room is a folder in it, or a file beside the folders. For
the tree of another commit:

    git worktree add /tmp/before COMMIT && python tests/structure/import_graph.py /tmp/before/pytools/vgetrandom
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = dict[str, set[str]]  # a module or room: what it imports

PACKAGE = Path(__file__).resolve().parents[2] / "pytools" / "vgetrandom"


def modules_of(package: Path) -> dict[str, Path]:
    """Modules by their dotted names below the package; a folder's __init__.py is the folder's name, its own is ""."""
    files = sorted(package.rglob("*.py"))
    return {".".join(_words(path.relative_to(package))): path for path in files}


def module_graph(package: Path) -> Graph:
    """What each module imports of the same package, wherever in its text: at the top, in a function, for types only."""
    modules = modules_of(package)
    return {name: set(_imports(name, path, modules, package.name)) for name, path in modules.items()}


def room_graph(graph: Mapping[str, set[str]]) -> Graph:
    """The arrows between rooms, without those inside one."""
    rooms: Graph = {_room(name): set() for name in graph}
    for name, found in graph.items():
        rooms[_room(name)] |= {_room(other) for other in found} - {_room(name)}
    return rooms


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Names that import each other in a circle, the first again at the end; empty when there is none."""
    finished: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in finished:
            return []
        for other in sorted(graph.get(name, ())):
            if found := follow(other, [*way, name]):
                return found
        finished.add(name)
        return []

    return next((found for name in sorted(graph) if (found := follow(name, []))), [])


def as_text(rooms: Mapping[str, set[str]]) -> str:
    """A line for each room that imports one, and the numbers."""
    width = max(map(len, rooms))
    lines = [f"{room:<{width}} -> {' '.join(sorted(others))}" for room, others in sorted(rooms.items()) if others]
    found = circle(rooms)
    said = f"a circle: {' -> '.join(found)}" if found else "no circle"
    return "\n".join([*lines, f"{sum(map(len, rooms.values()))} arrows between {len(rooms)} rooms, {said}"])


def _words(path: Path) -> tuple[str, ...]:
    words = path.with_suffix("").parts
    return words[:-1] if words[-1] == "__init__" else words


def _room(module: str) -> str:
    return module.split(".")[0] or "__init__"


def _imports(name: str, path: Path, modules: Mapping[str, Path], package: str) -> Iterator[str]:
    here = name.split(".") if name else []
    folder = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            written = [alias.name.split(".") for alias in node.names]
            bases = [words[1:] for words in written if words[0] == package]
            yield from filter(None, (_known(words, modules) for words in bases))
        elif isinstance(node, ast.ImportFrom):
            words = node.module.split(".") if node.module else []
            if node.level:
                base = folder[: len(folder) - (node.level - 1)] + words
            elif words and words[0] == package:
                base = words[1:]
            else:
                continue
            for alias in node.names:
                found = _known([*base, alias.name], modules)
                if found is not None and found != name:
                    yield found


def _known(words: list[str], modules: Mapping[str, Path]) -> str | None:
    """The module of that name, or the one that has it as a name inside."""
    for length in (len(words), len(words) - 1):
        if (found := ".".join(words[:length])) in modules:
            return found
    return None


if __name__ == "__main__":
    print(as_text(room_graph(module_graph(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE))))

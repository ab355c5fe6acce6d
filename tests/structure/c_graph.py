"""Which C file includes which, and whose functions an object file calls."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Graph = dict[str, set[str]]

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*("([^"]+)"|<([^>]+)>)', re.MULTILINE)


def include_graph(sources: Iterable[Path], folders: Sequence[Path], root: Path) -> Graph:
    """What each file includes, as paths below `root`; in angle brackets what is not there.

    A name in quotes is looked for beside the file that includes it, then in `folders` in their order, as the compiler
    does. Headers that are found are followed. Every include counts, whatever #if it is under.
    """
    graph: Graph = {}
    waiting = list(sources)
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(root))
        if name in graph:
            continue
        graph[name] = set()
        for _, quoted, system in _INCLUDE.findall(path.read_text(encoding="utf-8")):
            beside = [path.parent] if quoted else []
            found = next((at for folder in (*beside, *folders) if (at := folder / (quoted or system)).is_file()), None)
            graph[name].add(str(found.resolve().relative_to(root)) if found else f"<{quoted or system}>")
            if found:
                waiting.append(found.resolve())
    return graph


def call_graph(objects: Iterable[Path]) -> Graph:
    """Whose functions each object file needs, of the others, by the files' names. Data does not count (nm: T and W)."""
    owners: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    for path in objects:
        needs[path.name] = set()
        done = subprocess.run(["nm", "-g", "-P", str(path)], capture_output=True, text=True, check=True)
        for symbol, kind in (line.split()[:2] for line in done.stdout.splitlines()):
            if kind in "TWi":
                owners[symbol] = path.name
            elif kind in "Uw":
                needs[path.name].add(symbol)
    return {name: {owners[it] for it in symbols if it in owners} - {name} for name, symbols in needs.items()}


def below(graph: Mapping[str, set[str]], folder: str) -> Graph:
    """The part of a graph whose files lie below a folder."""
    return {name: others for name, others in graph.items() if name.startswith(f"{folder}/")}

"""Which C file may know which: core is lifted out by a libc, so it knows nothing around it; no circle anywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import needs
import pytest
from c_graph import Graph, below, call_graph, include_graph
from conftest import ROOT, Build
from import_graph import circle

# What the compiler brings itself: everything else of angle brackets is a libc's or the kernel's.
COMPILERS = {f"<{name}.h>" for name in ("arm_neon", "cpuid", "immintrin", "stdarg", "stdbool", "stddef", "stdint")}
WORKER = ROOT / "pytools" / "vgetrandom" / "bench" / "native"
# A folder of the shim with its own files, and the files that it may include beside these.
ROOMS = {
    "shim/core": (),
    "shim/preload": ("shim/core/", "include/"),
    "shim/report": ("shim/core/", "include/"),
    "shim/hosts/allocators": ("shim/core/",),
    "shim/hosts/glibc": ("shim/core/",),
    "shim/hosts/musl": ("shim/core/",),
}
HOSTS = [room for room in ROOMS if (ROOT / room / "platform.h").is_file()]

needs_compiler = needs.program("gcc", "nm")


def sources(folder: str, root: Path = ROOT) -> list[Path]:
    return [path for path in sorted((root / folder).rglob("*")) if path.suffix in (".c", ".h", ".S")]


def includes(*rooms: str, root: Path = ROOT) -> Graph:
    """The includes of the files of these rooms, as the build's options let them be found."""
    folders = [*(root / room for room in rooms), root / "shim" / "core", root / "include"]
    return include_graph([path for room in rooms for path in sources(room, root)], folders, root)


def foreign_includes(graph: Graph, room: str, host: str) -> list[str]:
    """What the files of a room include that is none of their business; core may include one header of its host."""
    allowed = (f"{room}/", *ROOMS[room], *((f"{host}/platform.h",) if room == "shim/core" else ()))
    return [
        f"{name} includes {other}"
        for name, others in sorted(below(graph, room).items())
        for other in sorted(others)
        if not other.startswith(("<", *allowed))
    ]


@pytest.mark.parametrize("host", HOSTS)
def test_core_includes_itself_its_platform_and_the_compilers_headers(host: str) -> None:
    graph = includes("shim/core", host)
    assert f"{host}/platform.h" in graph["shim/core/core.h"]
    assert not foreign_includes(graph, "shim/core", host)
    system = {other for others in below(graph, "shim/core").values() for other in others if other.startswith("<")}
    assert system <= COMPILERS


def test_every_file_of_the_shim_is_in_a_room() -> None:
    assert not [path for path in sources("shim") if not any((ROOT / room) in path.parents for room in ROOMS)]


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "shim/core"])
def test_rooms_above_core_include_core_and_not_each_other(room: str) -> None:
    assert not foreign_includes(includes(room), room, "")


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("host", HOSTS)
def test_no_includes_of_the_shim_form_a_circle(room: str, host: str) -> None:
    assert not circle(includes(room, host))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("shim/core/slots.c", '#include "../preload/record.h"'),
        ("shim/core/slots.h", '#include "record.h"'),
        ("shim/core/draw.c", '#  include "destination.h"'),
    ],
)
def test_an_include_that_leaves_core_is_found(tmp_path: Path, file: str, line: str) -> None:
    shutil.copytree(ROOT / "shim", tmp_path / "shim")
    with (tmp_path / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    graph = includes("shim/core", "shim/preload", "shim/report", root=tmp_path)
    assert len(foreign_includes(graph, "shim/core", "shim/preload")) == 1


def test_a_circle_of_includes_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "shim", tmp_path / "shim")
    with (tmp_path / "shim" / "core" / "compiler.h").open("a") as stream:
        stream.write('#include "slots.h"\n')
    assert "shim/core/slots.h" in circle(includes("shim/core", "shim/preload", root=tmp_path))


def test_no_files_of_the_shim_call_each_other_in_a_circle(build: Build) -> None:
    folders = [path for path in build.folder.rglob("*.so.p") if path.is_dir()]
    assert len(folders) == 2
    for folder in folders:
        graph = call_graph(folder.glob("*.o"))
        assert sum(map(len, graph.values())) > 3
        assert not circle(graph)


def orders_without_a_partner(text: str) -> list[str]:
    """The lines with an atomic operation whose order is not relaxed, without a comment above that names its partner."""
    lines = text.splitlines()
    strong = [number for number, line in enumerate(lines) if re.search(r"__ATOMIC_(?!RELAXED)[A-Z_]+", line)]
    return [lines[n].strip() for n in strong if not re.search(r"Partner: .*\(\)", "".join(lines[max(0, n - 3) : n]))]


def test_each_order_of_an_atomic_operation_names_its_partner() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sources("shim")]
    assert sum("Partner: " in text for text in texts) >= 2
    assert not [line for text in texts for line in orders_without_a_partner(text)]


def test_an_order_without_a_partner_is_found() -> None:
    line = "number = __atomic_load_n(&it, __ATOMIC_ACQUIRE);"
    assert orders_without_a_partner(f"{{\n\t/* Read. */\n\t{line}\n}}") == [line]
    assert not orders_without_a_partner(f"{{\n\t/* Partner: the release in give(). */\n\t{line}\n}}")
    assert not orders_without_a_partner(line.replace("ACQUIRE", "RELAXED"))


@needs_compiler
def test_no_files_of_a_benchmark_worker_call_each_other_in_a_circle(tmp_path: Path) -> None:
    """The worker knows its measures and its contender; these know the services in worker.h and the references."""
    files = [*sorted(WORKER.glob("*.c")), WORKER / "contenders" / "kernel.c"]
    folders = [WORKER, ROOT / "shim" / "core"]
    assert not circle(include_graph(files, folders, ROOT))
    objects = [tmp_path / f"{path.stem}.o" for path in files]
    options = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", *(f"-I{folder}" for folder in folders)]
    for path, made in zip(files, objects):
        subprocess.run(["gcc", *options, "-c", path, "-o", made], check=True)
    graph = call_graph(objects)
    assert {"turn.o", "steps.o", "kernel.o", "references.o", "worker.o"} <= graph["main.o"]
    assert not circle(graph)
    assert not {name for name, others in graph.items() if "main.o" in others}

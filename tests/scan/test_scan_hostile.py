"""Whatever files a scan meets: one line each at most, in bounded time and memory, and never a traceback."""

from __future__ import annotations

import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vgetrandom.scan import elf_facts as facts_module
from vgetrandom.scan.closure import Loader, Root
from vgetrandom.scan.elf_facts import Facts, Problem, read_facts
from vgetrandom.scan.survey import FactStore, Target, Trouble, files_below, judge_file, survey

MUTATIONS = 1000
SECONDS = 5.0  # for any one damaged file; the whole files here take some 20 ms
MEMORY = 600 << 20  # bytes of address space beyond what Python has at the start of a child


def real_files() -> list[bytes]:
    """Small and different: programs, libraries, a loader, static, Go where it is installed."""
    names = ["bash", "mktemp", "ldconfig", "busybox", "age-keygen"]
    paths = [shutil.which(name, path="/usr/bin:/bin:/sbin:/usr/sbin") for name in names]
    libraries = [Path("/lib/x86_64-linux-gnu/libc.so.6"), Path("/lib64/ld-linux-x86-64.so.2")]
    found = [Path(path) for path in paths if path] + [path for path in libraries if path.exists()]
    assert len(found) >= 3
    return [path.read_bytes()[: 3 << 20] for path in found]


def interesting_offsets(data: bytes) -> list[int]:
    """The header, the program headers and the dynamic section: where damage matters."""
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    offsets = [*range(16, 64), *range(offset, offset + size * count)]
    for index in range(count):
        kind, _flags, start = struct.unpack_from("<IIQ", data, offset + index * size)
        length = struct.unpack_from("<Q", data, offset + index * size + 32)[0]
        if kind in (2, 3, 4):  # PT_DYNAMIC, PT_INTERP, PT_NOTE
            offsets += range(start, min(start + length, len(data)))
    return [place for place in offsets if place < len(data)]


def mutated(data: bytes, offsets: list[int], generator: random.Random) -> bytes:
    """A few bytes changed where it matters; sometimes cut short."""
    damaged = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        place = generator.choice(offsets)
        value = generator.choice([0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)])
        width = generator.choice([1, 1, 2, 4, 8])
        damaged[place : place + width] = bytes([value]) * width
    if generator.random() < 0.15:
        del damaged[generator.randrange(len(damaged)) :]
    return bytes(damaged)


def test_damaged_files_are_a_problem_or_facts_in_bounded_time(tmp_path: Path) -> None:
    generator = random.Random(20240611)
    files = [(data, interesting_offsets(data)) for data in real_files()]
    path = tmp_path / "damaged"
    kinds = {Facts: 0, Problem: 0, type(None): 0}
    for number in range(MUTATIONS):
        data, offsets = files[number % len(files)]
        path.write_bytes(mutated(data, offsets, generator))
        start = time.process_time()  # a busy machine takes nothing of it
        found = read_facts(str(path))
        kinds[type(found)] += 1
        if isinstance(found, Facts):
            closure = Loader(FactStore(), Root()).closure(str(path), found)
            judge_file(str(path), closure)
        assert time.process_time() - start < SECONDS, f"mutation {number}"
    assert min(kinds[Facts], kinds[Problem]) > MUTATIONS // 20, kinds


def test_a_file_cut_at_any_length_is_one_problem(tmp_path: Path) -> None:
    data = real_files()[1]
    path = tmp_path / "cut"
    loaded = max(start + length for _place, _flags, start, length in loads(data))
    for size in [*range(0, 2048, 13), *range(2048, loaded, 997)]:
        path.write_bytes(data[:size])
        found = read_facts(str(path))
        assert found is None if size < 4 else isinstance(found, Problem), size


def loads(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each PT_LOAD: where its header is, its flags, and its offset and size in the file."""
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    for place in range(offset, offset + size * count, size):
        kind, flags, start = struct.unpack_from("<IIQ", data, place)
        if kind == 1:
            yield place, flags, start, struct.unpack_from("<Q", data, place + 32)[0]


def grown(data: bytes, executable: bool, length: int) -> bytes:
    """The file with one of its loaded segments claiming `length` bytes."""
    place = next(place for place, flags, *_ in loads(data) if bool(flags & 1) == executable)
    changed = bytearray(data)
    struct.pack_into("<Q", changed, place + 32, length)
    return bytes(changed)


def enormous(folder: Path) -> Iterator[Path]:
    """Sparse files, headers that claim the most that fits, and contents that are all candidates."""
    data = real_files()[1]
    path = folder / "sparse"
    path.write_bytes(grown(data, False, 1 << 40))
    os.truncate(path, (1 << 40) + (1 << 30))
    yield path
    path = folder / "headers"
    path.write_bytes(data[:56] + b"\xff\xff" + data[58:])
    yield path
    names = b"getrandom\0/dev/urandom\0.so\0musl libc (\0" * 500_000
    path = folder / "names"
    path.write_bytes(grown(data, False, len(data) + len(names)) + names)
    yield path
    code = b"\xbf\x3e\x01\0\0\xe8\0\0\0\0\xb8\x3e\x01\0\0" * 1_500_000
    path = folder / "code"
    path.write_bytes(grown(data, True, len(data) - 8192 + len(code)) + code)
    yield path


def test_enormous_files_take_bounded_time_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "SECONDS_PER_FILE", 3.0)
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (before + MEMORY, limits[1]))
    try:
        for path in enormous(tmp_path):
            start = time.process_time()
            found = read_facts(str(path))
            assert time.process_time() - start < 2 * SECONDS, path
            assert isinstance(found, Problem) or path.name in ("names", "code"), found
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = next(enormous(tmp_path))
    monkeypatch.setattr(facts_module, "SECONDS_PER_FILE", 0.05)
    found = read_facts(str(path))
    assert isinstance(found, Problem) and "given up after" in found.message


def test_loops_of_links_and_strange_files_do_not_stop_a_folder(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "text").write_text("not ELF")
    (tmp_path / "odd\x1b[31m\udcff").write_bytes(b"\x7fELF")
    troubles: list[Trouble] = []
    paths = list(files_below(str(tmp_path), troubles))
    assert (len(paths), troubles) == (2, [])
    found = survey([Target(path, Root()) for path in paths])
    assert (len(found.rows), len(found.troubles), found.other) == (0, 1, 1)


def test_the_command_tells_each_damaged_file_in_one_clean_line(tmp_path: Path) -> None:
    (tmp_path / "odd\x1b[31m\udcff").write_bytes(b"\x7fELF" + bytes(60))
    (tmp_path / "short").write_bytes(real_files()[0][:5000])
    command = [sys.executable, "-m", "vgetrandom", "scan", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert "\x1b" not in done.stderr + done.stdout
    assert done.stdout == "0 files: 0 reached, 0 partly, 0 native, 0 unreachable, 2 unreadable\n"
    assert done.returncode == 2


# As a user whom the permissions bind, after all imports: our own files may be closed to that user, too.
_AS_NOBODY = """
import argparse, os, sys
from vgetrandom.cli import scan
parser = argparse.ArgumentParser()
scan.add_arguments(parser)
arguments = parser.parse_args()
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(scan.run(arguments))
"""


@pytest.mark.parametrize("named", [".", "closed", "closed/file"])
def test_a_folder_that_may_not_be_read_is_one_line(named: str) -> None:
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as folder:  # tmp_path lies below folders closed to others
        Path(folder).chmod(0o755)
        closed = Path(folder, "closed")
        closed.mkdir()
        (closed / "file").touch()
        closed.chmod(0)
        words = [sys.executable, "-c", _AS_NOBODY, str(Path(folder, named))]
        done = subprocess.run(words, capture_output=True, text=True)
        closed.chmod(0o700)
    asked = closed / "file" if named == "closed/file" else closed
    assert done.stderr == f"{asked}: permission denied\n"
    assert done.stdout == "0 files: 0 reached, 0 partly, 0 native, 0 unreachable, 1 unreadable\n"
    assert done.returncode == 2

"""Who repeats is told right from what a memory holds, and the verdict holds only what was shown."""

from __future__ import annotations

import dataclasses
import gzip
import lzma
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from command import Vgetrandom, one_line
from vgetrandom.clones import report
from vgetrandom.clones.cells import Cell, Plan, run_all
from vgetrandom.clones.compare import Repeats, compare, handled_at, together
from vgetrandom.clones.contenders import BUFFERED, DISK, KERNEL, NONE, Contender, choose, of_program, read_table
from vgetrandom.clones.emulator import Session
from vgetrandom.clones.guest import Amount, Parts, plan
from vgetrandom.clones.host_files import files_of
from vgetrandom.clones.memory import Draw, Memory, read_memory
from vgetrandom.clones.modules import read_module
from vgetrandom.clones.page import as_page
from vgetrandom.clones.run import ABSENT, OWN, SAME, CellResult, Trial
from vgetrandom.clones.verdict import judge
from vgetrandom.errors import VgetrandomError
from vgetrandom.output.page import as_html
from vgetrandom.system.program import find_program

REPEATED = Repeats(100, 100, 99, 5000, None, 99)
FRESH = Repeats(100, 1, 0, 0, 2, 98)
NOTHING = Repeats(0, 0, 0, None, None, 0)
CONTENDERS = (
    Contender("vgetrandom", "the library", "r", ("libc", "getrandom", "16"), library=True, promise=KERNEL),
    Contender(BUFFERED, "a buffer", "r", ("buffered", "buffered", "16"), promise=NONE),
)


def memory(values: Sequence[str], begun: int = 1000, handled: int | None = None) -> Memory:
    """Draws from number 1 on, one each 10 ns."""
    draws = [Draw(number, begun + 10 * number, value.encode()) for number, value in enumerate(values, 1)]
    return Memory({0: draws}, [] if handled is None else [(handled, "crng reseeded due to virtual machine fork")])


def page(contender: int, *records: tuple[int, int, bytes]) -> bytes:
    """A page of memory as record.h lays it out."""
    one = 0x6E6F6C630076670A
    packed = struct.pack("<QQQQ32x", one, ~one & (1 << 64) - 1, contender, 0)
    return (packed + b"".join(struct.pack("<QQ48s", *record) for record in records)).ljust(4096, b"\0")


def test_records_are_found_wherever_their_pages_lie(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    other = b"\x55" * 4096
    path.write_bytes(
        other
        + page(3, (2, 20, b"b"), (0, 15, b"torn"))
        + other
        + page(3, (1, 10, b"a"))
        + page(0xFFFF, (1, 7, b"said"))
    )
    found = read_memory(path)
    assert found.draws == {3: [Draw(1, 10, b"a"), Draw(2, 20, b"b")]}
    assert (found.messages, found.last(3), found.last(4)) == ([(7, "said")], 2, 0)


def test_only_what_was_drawn_after_the_snapshot_counts_and_wherever_it_repeats() -> None:
    source = memory("abc")
    found = compare(0, source, [memory("abcdefg"), memory("abcxdey")])
    assert found == Repeats(compared=4, repeated=2, late=0, last_ns=30, fresh=4, late_draws=0)


def test_who_repeats_what_was_begun_when_the_kernel_knew_is_late() -> None:
    source = memory("ab")
    clones = [memory("abcdef", handled=35), memory("abcdxy", handled=35)]
    assert handled_at(clones[0]) == 1035
    found = compare(0, source, clones)
    assert (found.late, found.late_draws) == (1, 3)  # of draws 3 to 6, begun from 1030 on, 3 and 4 repeat
    assert compare(0, source, [memory("abcd"), memory("abcd")]) == Repeats(2, 2, 0, 20, None, 0)


def test_draws_whose_records_are_gone_are_no_draws_that_do_not_repeat() -> None:
    clone = memory("abcdef")
    gone = Memory({0: clone.draws[0][3:]}, [])
    with pytest.raises(VgetrandomError, match="drew more often than its records hold"):
        compare(0, memory("ab"), [clone, gone])


def test_clones_in_which_nothing_repeats_are_new_from_the_first_draw() -> None:
    assert compare(0, memory("a"), [memory("ab"), memory("ac")]) == Repeats(1, 0, 0, None, 1, 0)


def test_processes_of_one_contender_are_added_up() -> None:
    assert together([REPEATED, FRESH]) == Repeats(200, 101, 99, 5000, None, 197)
    assert together([FRESH, Repeats(50, 3, 1, 700, 9, 7)]) == Repeats(150, 4, 1, 700, 9, 105)


def cell(own: Repeats, control: Repeats = REPEATED, buffered: Repeats = REPEATED, knew: int | None = 3) -> CellResult:
    trials = [Trial(kind, (None, None), {"vgetrandom": control, BUFFERED: REPEATED}) for kind in (SAME, ABSENT)]
    return CellResult("6.12", 1, (Trial(OWN, (knew, knew), {"vgetrandom": own, BUFFERED: buffered}), *trials), 1.0)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (cell(FRESH), "yes"),
        (cell(Repeats(100, 2, 1, 5000, 9, 90)), "no"),
        (cell(FRESH, control=FRESH), "invalid"),
        (cell(FRESH, buffered=FRESH), "invalid"),
        (cell(FRESH, knew=None), "invalid"),
        (cell(NOTHING), "invalid"),
        (cell(Repeats(100, 100, 0, 3, None, 0)), "invalid"),
        (dataclasses.replace(cell(FRESH), processors=2), "invalid"),
    ],
    ids=[
        "yes",
        "repeats",
        "control does not repeat",
        "buffer does not",
        "kernel never knew",
        "no draws",
        "none when it knew",
        "only two",
    ],
)
def test_the_verdict_is_yes_only_where_the_controls_repeat(found: CellResult, word: str) -> None:
    assert judge(CONTENDERS, [found]).word == word


def test_every_contender_of_the_table_has_a_root_and_a_way_to_draw() -> None:
    table = read_table()
    assert {one.root for one in table.contenders} <= set(table.roots)
    assert all(bool(one.draw) != bool(one.lines) for one in table.contenders)
    assert [one.name for one in table.contenders if one.decides]


def test_a_program_of_this_host_brings_its_loader_and_its_libraries(library: Path, tmp_path: Path) -> None:
    (tmp_path / "more" / "folder").mkdir(parents=True)
    (tmp_path / "more" / "folder" / "data").touch()
    program = find_program([sys.executable], os.environ, library)
    found = files_of(program, [tmp_path / "more"])
    names = {Path(path).name for path in found}
    assert any(name.startswith(("libc.so", "ld-musl")) for name in names)
    assert any(name.startswith("ld-") for name in names)
    assert str(tmp_path / "more" / "folder" / "data") in found
    assert all(path.is_file() for path in found.values())


def test_the_plan_gives_each_process_a_number_and_its_environment() -> None:
    one = dataclasses.replace(CONTENDERS[0], processes=2, setting="nobulk")
    strings = plan([one, CONTENDERS[1]], Amount(7, 8, 9), idle=True).decode().split("\0")
    assert strings[:8] == ["7", "8", "9", "idle", "", "the library", "draw", "/vgetrandom/roots/r"]
    assert [strings[place + 1] for place, word in enumerate(strings) if word.startswith("/draw-")] == ["0", "1", "2"]
    assert strings.count("VGETRANDOM=nobulk") == strings.count("LD_PRELOAD=/libvgetrandom.so") == 2


def test_a_program_on_a_disk_finds_the_library_where_that_can_be_written() -> None:
    alone, preloaded = of_program(["/app"], DISK, True)
    strings = plan([alone, preloaded], Amount(7, 8, 9), idle=False).decode().split("\0")
    assert strings[3:8] == ["", "disk", "app", "lines", "/vgetrandom/roots/disk"]
    assert strings.count("LD_PRELOAD=/tmp/libvgetrandom.so") == 1


def test_who_is_asked_for_takes_part_everywhere_and_the_buffered_one_with_them() -> None:
    table = read_table().contenders
    assert [(one.name, one.everywhere) for one in choose(table, ["libbsd"])] == [(BUFFERED, True), ("libbsd", True)]
    assert choose(table, []) == list(table)
    assert {"vgetrandom", "syscall", BUFFERED} <= {one.name for one in table if one.everywhere}


def test_who_is_not_in_a_control_does_not_make_the_run_invalid() -> None:
    found = cell(FRESH)
    own, same, absent = found.trials
    few = dataclasses.replace(absent, repeats={BUFFERED: REPEATED})
    assert judge(CONTENDERS, [dataclasses.replace(found, trials=(own, same, few))]).word == "yes"
    assert [row[-2:] for row in report.rows(CONTENDERS, dataclasses.replace(found, trials=(own, same, few)))] == [
        ("all", "-"),
        ("all", "all"),
    ]


def test_who_drew_nothing_is_not_said_to_repeat_nothing() -> None:
    nothing = cell(NOTHING, control=NOTHING)
    row = report.rows(CONTENDERS, nothing)[0]
    assert row == ("the library", "drew nothing", "0", "0", "0", "-", "-", "0", "0")


def test_modules_are_unpacked_for_the_kernel(tmp_path: Path) -> None:
    module = b"\x7fELF module"
    for suffix, packed in ((".ko", module), (".ko.xz", lzma.compress(module)), (".ko.gz", gzip.compress(module))):
        path = tmp_path / f"m{suffix}"
        path.write_bytes(packed)
        assert read_module(path) == module
        if suffix != ".ko":
            path.write_bytes(packed[:-6])
            with pytest.raises(VgetrandomError, match="can't be read"):
                read_module(path)
    with pytest.raises(VgetrandomError, match=r"none\.ko can't be read: .*No such file"):
        read_module(tmp_path / "none.ko")


def test_the_end_of_a_session_ends_all_its_emulators_and_those_that_come_late() -> None:
    session = Session(0)
    first, gone, late = (subprocess.Popen(["sleep", "1000"]) for _ in range(3))
    session.add(first)
    session.add(gone)
    session.forget(gone)
    session.end()
    with pytest.raises(VgetrandomError, match="the run is over"):
        session.add(late)
    assert (first.wait(), late.wait(), gone.poll()) == (-signal.SIGKILL, -signal.SIGKILL, None)
    gone.kill()
    gone.wait()


def test_a_guest_that_fails_ends_the_one_beside_it_and_tells_why(tmp_path: Path) -> None:
    emulator, nothing, waits = tmp_path / "qemu", tmp_path / "nothing", tmp_path / "waits"
    emulator.write_text(
        f'#!/bin/sh\ncase "$*" in *broken*) until [ -s {waits} ]; do sleep 0.1; done; echo qemu: no; exit 1;; esac\n'
        f"echo $$ > {waits}.new; mv {waits}.new {waits}; exec sleep 1000\n"
    )
    emulator.chmod(0o755)
    nothing.touch()
    parts = Parts(nothing, nothing, {"libc": nothing, "buffered": nothing}, {"r": tmp_path / "root"})
    (tmp_path / "root").mkdir()
    cells = [Cell(name, 1, Path("/", name), emulator, "", parts) for name in ("whole", "broken")]
    doing = Plan(CONTENDERS, Amount(7, 8, 9), 2, [SAME], 1, 600, tmp_path, jobs=2)
    with pytest.raises(VgetrandomError, match="QEMU ended: qemu: no"):
        run_all(cells, doing, lambda where, what: None)
    with pytest.raises(ProcessLookupError):
        os.kill(int(waits.read_text()), 0)
    two = dataclasses.replace(cells[1], processors=2)
    assert run_all([two], doing, lambda where, what: None) == ([], ["broken: QEMU ended: qemu: no"])


def test_the_page_has_every_guest_and_the_verdict() -> None:
    amount = Plan(CONTENDERS, Amount(7, 8, 9), 2, [], 1, 1, Path("/"))
    two = dataclasses.replace(cell(FRESH), kernel="7.3", processors=2)
    text = as_html(as_page(CONTENDERS, [cell(FRESH), two], judge(CONTENDERS, [cell(FRESH)]), amount, ["7.3-2: panic"]))
    assert "yes: nothing repeats but what was drawn before" in text
    assert "Linux 6.12, one processor" in text
    assert "Linux 7.3, 2 processors" in text
    assert "<dt>not run</dt><dd>7.3-2: panic</dd>" in text
    assert "Each clone&#x27;s kernel knew after (us): 0, 0." in text
    assert '<span class="warn">repeats</span>' in text
    bad = dataclasses.replace(cell(Repeats(100, 2, 1, 5000, 9, 90)))
    text = as_html(as_page(CONTENDERS, [bad], judge(CONTENDERS, [bad]), amount, []))
    assert '<p class="verdict bad">no: 6.12: the library repeats 1 of 100' in text
    assert '<span class="bad">repeats</span>' in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--contender", "nobody"], "there is no contender nobody; choose among vgetrandom"),
        (["--cell", "2.6/1"], "there is no cell 2.6/1; choose among 6.12/1"),
        (["--clones", "1"], "'1' is not a whole number from 2 to 64"),
        (["--initramfs", "x"], "--initramfs, --disk and --file are for a PROGRAM"),
        (["--disk", "x", "--initramfs", "y", "--", "/z"], "PROGRAM runs in one place; give --initramfs or --disk"),
        (["--disk", "/nowhere", "--", "/z"], "/nowhere is not a file; --disk takes an image"),
        (["--kernel", "/nowhere"], "/nowhere is not a file; --kernel takes a kernel image"),
        (["--disk", "/nowhere", "--", "z"], "z is not in a file system of this host; name it by its whole path"),
        (["--html", "/nowhere/page.html"], "/nowhere/page.html can't be written"),
        (["--qemu", "/nowhere"], "qemu-system-x86_64 is not in /nowhere"),
        (["--file", "/nowhere", "--", "/bin/true"], "/nowhere is not there"),
        (["--", "/nowhere/program"], "/nowhere/program: there is no such file"),
    ],
)
def test_what_can_not_be_done_is_one_line(vgetrandom: Vgetrandom, words: list[str], said: str) -> None:
    done = vgetrandom("clones", *words)
    assert done.returncode == 2
    assert said in one_line(done)


def test_contenders_and_kernels_are_listed(vgetrandom: Vgetrandom) -> None:
    done = vgetrandom("clones", "--list")
    assert done.returncode == 0
    assert "buffered" in done.stdout
    assert "trixie-backports" in done.stdout

"""`vgetrandom bench --arch`: another architecture's vDSO is found in its kernel, and its instructions are counted."""

from __future__ import annotations

from pathlib import Path

import needs
import pytest
from command import one_line, runner_for
from vgetrandom.bench import emulated, tables, vdso_image
from vgetrandom.bench.contenders import all_contenders
from vgetrandom.bench.model import SYSCALL, VDSO, Run
from vgetrandom.bench.run import measure
from vgetrandom.bench.session import QUICK, Session
from vgetrandom.errors import VgetrandomError
from vgetrandom.system.vdso import vdso_image as host_vdso


class Silent:
    """Nobody wants to know how far it is."""

    def begin(self, measure: str, steps: int) -> None: ...

    def advance(self) -> None: ...

    def absent(self, participant: object) -> None: ...


def test_a_vdso_is_found_among_other_things_and_only_by_its_function() -> None:
    image = host_vdso()
    if image is None or b"_vdso_getrandom\0" not in image:
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    other = b"\x7fELF\x02\x01" + bytes(200)
    found = list(vdso_image.vdsos(b"x" * 77 + other + image + b"y" * 5000, "__vdso_getrandom"))
    assert len(found) == 1
    assert image.startswith(found[0]) or found[0].startswith(image)
    assert not list(vdso_image.vdsos(image, "__vdso_nothing"))


def test_an_architecture_that_is_not_known_is_one_line(library: Path) -> None:
    done = runner_for(library)("bench", "--arch", "vax", "--only", "syscall")
    assert done.returncode == 2
    assert "vax" in one_line(done) and "riscv64" in one_line(done)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(emulated.ARCHITECTURES))
def test_the_library_adds_a_little_to_a_small_draw_and_saves_much_of_a_large_one(name: str) -> None:
    emulated.build(name)  # a program that does not compile is no reason to skip
    try:
        machines = emulated.prepare([name], Silent())
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    session = Session(QUICK, Silent(), 0, None)
    emulated.measure(session, machines)
    run = Run({}, {}, (), tuple(session.series))
    assert len(tables.emulated(run).rows) == 1 + len(emulated.ARCHITECTURES[name].vectors)
    for kind in emulated.ARCHITECTURES[name].vectors:
        for size, least, most in ((16, 10, 80), (32, 10, 80)):
            own, bare = run.find("emulated", name, kind, size), run.find("emulated", name, VDSO, size)
            assert own and bare
            assert least < own.samples[0] - bare.samples[0] < most
        own, bare = run.find("emulated", name, kind, 65536), run.find("emulated", name, VDSO, 65536)
        assert own and bare and own.samples[0] < 0.95 * bare.samples[0]


def test_the_program_that_counts_compiles() -> None:
    needs.require_python("ziglang")
    assert emulated.build("x86_64").is_file()


def test_what_is_missing_is_said_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Path:
        raise VgetrandomError(f"count-{name} does not compile")

    monkeypatch.setattr(emulated, "build", broken)
    monkeypatch.setattr(Session, "start", lambda *_: pytest.fail("something was measured"))
    with pytest.raises(VgetrandomError, match="count-riscv64"):
        measure(all_contenders([], []), ["latency"], QUICK, None, Silent(), ["riscv64"])


def test_no_architecture_is_counted_unless_asked_for(library: Path) -> None:
    done = runner_for(library)("bench", "--quick", "--only", SYSCALL, "--measure", "size")
    assert done.returncode == 0, done.stderr
    assert "other architectures" not in done.stderr

"""The matrix in its cheap form: foreign architectures under qemu-user, which has no vDSO, so everything falls back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
from command import runner_for
from conftest import NATIVE, ROOT, one_at_a_time
from foreign import compile_for
from preloading import read_reports, run, with_reporter
from vgetrandom.conformance.cases import read_cases
from vgetrandom.errors import VgetrandomError
from vgetrandom.system import debian

# Debian's name, and qemu-user's.
ARCHITECTURES = {
    "aarch64": ("arm64", "aarch64"),
    "riscv64": ("riscv64", "riscv64"),
    "powerpc64le": ("ppc64el", "ppc64le"),
    "s390x": ("s390x", "s390x"),
    "loongarch64": ("loong64", "loongarch64"),
}
CASES = ROOT / "tests" / "conformance"
CASE_OPTIONS = ("-dynamic", "-fPIC", "-pie", "-O2", "-pthread", "-I", CASES)


@dataclass(frozen=True)
class Machine:
    """A foreign architecture: how to run a program of it, and the library built for it."""

    arch: str
    emulator: tuple[str, ...]
    library: Path
    folder: Path  # for programs

    def run(self, source: Path, **environment: str) -> tuple[int, str, str]:
        """Compile a program for musl there, and run it with the library: exit status, output, standard error."""
        program = self.folder / f"{source.stem}.{self.arch}"
        compile_for(self.arch, program, *CASE_OPTIONS, source)
        settings = [
            word
            for name, value in {"LD_PRELOAD": self.library, **environment}.items()
            for word in ("-E", f"{name}={value}")
        ]
        done = run([*self.emulator, *settings, program])
        return done.status, done.text, done.errors.decode()


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest, library: Path, shared_folder: Path) -> Machine:
    arch = request.param
    name, emulator = ARCHITECTURES[arch]
    needs.require(f"qemu-{emulator}")
    needs.require_python("ziglang")
    try:
        root = debian.fetch("sid", name, ["musl"])
    except VgetrandomError as error:
        needs.skip(str(error), needs.MIRROR)
    words = (f"qemu-{emulator}", "-L", str(root))
    plain = shared_folder / f"interface_errno.{arch}"
    compile_for(arch, plain, *CASE_OPTIONS, CASES / "interface_errno.c")
    if (done := run([*words, plain])).status != 0:
        needs.another_host(f"whose {words[0]} runs Debian's musl: {done.errors.decode().strip()}")
    foreign = shared_folder / f"libvgetrandom.{arch}.so"
    with one_at_a_time(foreign):
        if not foreign.exists():
            built = runner_for(library)("build", "--target", f"{arch}-linux-musl", "-o", foreign)
            assert built.returncode == 0, built.stderr
    return Machine(arch, words, foreign, shared_folder)


def test_every_function_serves_where_no_vdso_is(machine: Machine) -> None:
    status, output, errors = machine.run(
        NATIVE / "libcs.c", VGETRANDOM_REPORT="fd:2", LD_PRELOAD=with_reporter(machine.library)
    )
    assert status == 0 and "\nnot ok" not in output and "\nok" in output, output + errors
    reports = read_reports(errors)
    assert [report.status for report in reports] == ["no-vdso"] * 2
    assert sum(report.calls for report in reports) == 0


@pytest.mark.parametrize("case", ["interface_syscall", "interface_errno", "interface_flags"])
def test_a_promise_is_kept_there(machine: Machine, case: str) -> None:
    """The stub of syscall() is written anew for every architecture."""
    status, output, errors = machine.run(CASES / f"{case}.c")
    assert status == 0 and "\nnot ok" not in output and "\n1.." in output, output + errors


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["x86_64", *ARCHITECTURES])
def test_every_case_compiles_for_every_architecture(arch: str, shared_folder: Path) -> None:
    """A guest runs what zig links: clang may call a function of its runtime, and not every architecture has one."""
    needs.require_python("ziglang")
    for case in read_cases(CASES):
        compile_for(arch, shared_folder / f"{case.name}.{arch}", *CASE_OPTIONS, case.path, *case.extra_sources, "-ldl")

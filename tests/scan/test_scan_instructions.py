"""The traces of getrandom in machine code, on code that a compiler made for each architecture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import needs
import pytest
from vgetrandom.scan.elf_facts import Facts, read_facts
from vgetrandom.scan.instructions import ENCODINGS, REACH, Traces, find_traces

SOURCE = Path(__file__).parents[1] / "native" / "scan_draws.c"
TARGETS = {
    "EM_X86_64": "x86_64-linux-musl",
    "EM_AARCH64": "aarch64-linux-musl",
    "EM_RISCV": "riscv64-linux-musl",
    "EM_PPC64": "powerpc64le-linux-musl",
    "EM_S390": "s390x-linux-musl",
    "EM_LOONGARCH": "loongarch64-linux-musl",
}
EXPECTED = {
    "INSTRUCTION": Traces(raw=True, argument=False),
    "SYSCALL": Traces(raw=False, argument=True),
    "NOTHING": Traces(raw=False, argument=False),
}


def compile_library(target: str, way: str, output: Path) -> Facts:
    """The program's code as a shared library that needs no libc: quick to link for any architecture."""
    needs.require_python("ziglang")
    words = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-O2", "-fPIC", f"-DHOW=BY_{way}"]
    compiled = subprocess.run([*words, "-c", "-o", f"{output}.o", str(SOURCE)], capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    linked = subprocess.run(
        [*words[:3], "ld.lld", "-shared", "-o", str(output), f"{output}.o"], capture_output=True, text=True
    )
    assert linked.returncode == 0, linked.stderr
    facts = read_facts(str(output))
    assert isinstance(facts, Facts)
    return facts


@pytest.mark.parametrize("way", EXPECTED)
@pytest.mark.parametrize("machine", TARGETS)
def test_the_compiler_s_code_is_recognised(machine: str, way: str, tmp_path: Path) -> None:
    facts = compile_library(TARGETS[machine], way, tmp_path / "library.so")
    assert facts.machine == machine
    assert facts.traces == EXPECTED[way]


def test_every_supported_architecture_is_known() -> None:
    assert set(ENCODINGS) == set(TARGETS)


@pytest.mark.parametrize("machine", ENCODINGS)
def test_a_number_far_from_the_system_call_is_not_one(machine: str) -> None:
    encoding = ENCODINGS[machine]
    load, trap = encoding.raw_loads[0], encoding.traps[0]
    near = load + bytes(REACH // 2 // 4 * 4) + trap
    far = load + bytes(REACH * 2) + trap
    assert find_traces(machine, near).raw
    assert not find_traces(machine, far).raw
    assert not find_traces(machine, trap + load).raw


@pytest.mark.parametrize("machine", [machine for machine, encoding in ENCODINGS.items() if encoding.alignment > 1])
def test_an_instruction_begins_at_its_boundary(machine: str) -> None:
    encoding = ENCODINGS[machine]
    code = encoding.raw_loads[0] + encoding.traps[0]
    assert find_traces(machine, code).raw
    assert not find_traces(machine, b"\0" + code).raw


def test_nothing_is_found_for_an_unknown_machine() -> None:
    assert find_traces("EM_MIPS", b"\xb8\x3e\x01\0\0\x0f\x05") == Traces()


def test_a_number_that_goes_to_another_function_is_no_system_call(tmp_path: Path) -> None:
    """On x86-64 the call after the number is looked up."""
    source = tmp_path / "calls.c"
    source.write_text(
        "long syscall(long, ...); void other(long);\n"
        "void first(void) { other(318); syscall(186); }\n"
        "#ifdef REALLY\nlong second(char *b) { return syscall(318, b, 1, 0); }\n#endif\n"
    )
    for options, expected in (([], False), (["-DREALLY"], True), (["-DREALLY", "-fno-plt"], True)):
        library = tmp_path / "calls.so"
        command = ["gcc", "-O2", "-shared", "-fPIC", *options, "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        facts = read_facts(str(library))
        assert isinstance(facts, Facts)
        if facts.machine != "EM_X86_64":
            needs.another_host("whose compiler makes x86-64 code")
        assert facts.traces.argument is expected, options

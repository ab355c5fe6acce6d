"""Large requests: the expansion is ChaCha20, leaves nothing of its key, and is used where it should be."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
from conftest import NATIVE, ROOT, Compile
from foreign import compile_by, emulator
from preloading import system_call_wins
from tracing import trace
from witness import alone

CHACHA = ROOT / "shim" / "core" / "chacha"
INCLUDE = ["-I", ROOT / "shim" / "core", "-I", NATIVE / "alone", "-I", ROOT / "tests" / "conformance"]
AVX2, AVX512, SSE2 = 3, 4, 5  # enum vgetrandom_vector
WITHOUT = {SSE2: "noavx2", AVX2: "noavx512", AVX512: ""}  # what VGETRANDOM has to say
MOST_STACK = 1024  # bytes
MOST_STACK_KEPT = 1536  # the same where call_and_save() itself keeps up to 640 bytes of the caller's registers
ABSENT = 77


@dataclass(frozen=True)
class Foreign:
    """One kind of vector of another architecture, made by one compiler."""

    arch: str
    file: str  # shim/core/chacha/FILE.c
    vector: int  # enum vgetrandom_vector
    compiler: str

    def __str__(self) -> str:
        return f"{self.arch}-{self.compiler}"

    def program(self, name: str, folder: Path) -> list[str]:
        """The words that run tests/native/NAME.c with these vectors."""
        program = folder / f"{name}.{self}"
        sources = [NATIVE / f"{name}.c", CHACHA / f"choose-{self.arch}.c"]
        words = emulator(self.arch)
        compile_by(self.compiler, self.arch, program, sources, CHACHA / f"{self.file}.c", "-O2", *INCLUDE)
        return [*words, str(program)]


# GCC 12, Debian 12's, knows neither LSX nor RISC-V's vectors.
FOREIGN = [
    Foreign("aarch64", "neon", 2, "gcc"),
    Foreign("aarch64", "neon", 2, "zig"),
    Foreign("powerpc64le", "vsx", 6, "gcc"),
    Foreign("powerpc64le", "vsx", 6, "zig"),
    Foreign("s390x", "vx", 7, "gcc"),
    Foreign("s390x", "vx", 7, "zig"),
    Foreign("loongarch64", "lsx", 8, "zig"),
    Foreign("riscv64", "rvv", 9, "zig"),
]

on_x86_64 = needs.host(platform.machine() == "x86_64", "with an x86-64 processor")
every_width = pytest.mark.parametrize("vector", [SSE2, AVX2, AVX512])
every_foreign = pytest.mark.parametrize("foreign", FOREIGN, ids=str)

# RFC 8439, appendix A.1, test vectors 1, 2, 3 and 4: those whose nonce is zero. Key, block counter, keystream.
ZERO_KEY = bytes(32)
RFC_VECTORS = [
    (
        ZERO_KEY,
        0,
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    ),
    (
        ZERO_KEY,
        1,
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    ),
    (
        bytes(31) + b"\x01",
        1,
        "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
    ),
    (
        b"\x00\xff" + bytes(30),
        2,
        "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096",
    ),
]


def native_chacha(native: Compile, name: str) -> list[str]:
    sources = [CHACHA / name for name in ("choose-x86_64.c", "avx2.c", "avx512.c", "sse2.c")]
    return [str(native(name, "-O3", *INCLUDE, *sources))]


@pytest.fixture(scope="session")
def chacha_stream(native: Compile) -> list[str]:
    return native_chacha(native, "chacha_stream")


@pytest.fixture(scope="session")
def residue(native: Compile) -> Path:
    return native("bulk_residue", "-rdynamic", "-mno-red-zone")


def openssl_keystream(key: bytes, length: int, block: int = 0) -> bytes:
    """OpenSSL's ChaCha20; its initialisation vector is the block counter, little-endian, then the nonce."""
    iv = block.to_bytes(4, "little") + bytes(12)
    command = ["openssl", "enc", "-chacha20", "-K", key.hex(), "-iv", iv.hex()]
    needs.require("openssl")
    return subprocess.run(command, input=bytes(length), capture_output=True, check=True).stdout


def expect_stream(program: Sequence[str], vector: int, key: bytes, stream: bytes, folder: Path) -> None:
    (folder / "stream").write_bytes(stream)
    done = subprocess.run([*program, str(vector), key.hex(), folder / "stream"], capture_output=True, text=True)
    if done.returncode == ABSENT:
        needs.another_host("whose processor has these vectors")
    assert (done.returncode, done.stdout) == (0, "")


@on_x86_64
@every_width
def test_every_length_and_alignment_is_as_another_implementation_has_it(
    chacha_stream: list[str], vector: int, tmp_path: Path
) -> None:
    key = bytes(range(7, 231, 7))
    expect_stream(chacha_stream, vector, key, openssl_keystream(key, (1 << 20) + 2000), tmp_path)


@every_foreign
def test_every_length_and_alignment_on_other_architectures(
    foreign: Foreign, shared_folder: Path, tmp_path: Path
) -> None:
    program = foreign.program("chacha_stream", shared_folder)
    key = bytes(range(3, 99, 3))
    expect_stream(program, foreign.vector, key, openssl_keystream(key, 70000), tmp_path)
    for key, block, stream in RFC_VECTORS:
        before = openssl_keystream(key, 64 * block)
        expect_stream(program, foreign.vector, key, before + bytes.fromhex(stream), tmp_path)


def expect_no_residue(program: Sequence[str], vector: int, most_stack: int) -> None:
    done = subprocess.run([*program, str(vector)], capture_output=True, text=True)
    if done.returncode == ABSENT:
        needs.another_host("whose processor has these vectors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) <= most_stack


@every_foreign
def test_nothing_of_the_key_is_left_on_other_architectures(foreign: Foreign, shared_folder: Path) -> None:
    most = MOST_STACK_KEPT if foreign.arch in ("powerpc64le", "s390x") else MOST_STACK
    expect_no_residue(foreign.program("chacha_residue", shared_folder), foreign.vector, most)


@on_x86_64
@every_width
def test_nothing_of_the_key_is_left_in_any_register(native: Compile, vector: int) -> None:
    expect_no_residue(native_chacha(native, "chacha_residue"), vector, MOST_STACK)


@on_x86_64
@every_width
@pytest.mark.parametrize(("key", "block", "stream"), RFC_VECTORS)
def test_vectors_of_rfc_8439(
    chacha_stream: list[str], vector: int, key: bytes, block: int, stream: str, tmp_path: Path
) -> None:
    before = openssl_keystream(key, 64 * block)
    expect_stream(chacha_stream, vector, key, before + bytes.fromhex(stream), tmp_path)


@on_x86_64
@every_width
def test_nothing_of_the_key_is_left_and_little_stack_is_taken(residue: Path, library: Path, vector: int) -> None:
    done = alone([residue], library, VGETRANDOM=WITHOUT[vector])
    assert done.status == 0, done.text
    used, _, stack = done.text.split()[1:]
    if int(used) != vector:
        needs.another_host("whose processor has these vectors")
    assert int(stack) <= MOST_STACK


@pytest.fixture(scope="session")
def vector_used(native: Compile) -> Path:
    return native("bulk_vector")


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ("", {SSE2, AVX2, AVX512}),
        ("noavx512", {SSE2, AVX2}),
        ("other,noavx512", {SSE2, AVX2}),
        ("noavx2", {SSE2}),
        ("noavx512,noavx2", {SSE2}),
        ("nobulk", {0}),
        ("nobulk,noavx512", {0}),
        ("nobulky", {SSE2, AVX2, AVX512}),
    ],
)
@on_x86_64
def test_the_environment_says_what_may_be_used(vector_used: Path, library: Path, words: str, allowed: set[int]) -> None:
    done = alone([vector_used], library, VGETRANDOM=words)
    before, after = map(int, done.text.split())
    assert before == 0, "asking the processor is put off until the first large draw"
    assert after in allowed


@on_x86_64
@pytest.mark.parametrize(("size", "level"), [(192, False), (256, True), (65536, True)])
def test_without_vectors_a_request_goes_the_cheaper_way(native: Compile, library: Path, size: int, level: bool) -> None:
    """The system call on AMD's processors from 256 bytes on, the vDSO otherwise (docs/large-requests.md)."""
    command = [native("first_draw"), "thread", str(size), "100"]
    parts = trace(command, LD_PRELOAD=str(library), VGETRANDOM="nobulk")
    calls = sum(call.name == "getrandom" and f", {size}, " in call.rest for part in parts.values() for call in part)
    assert calls == 100 if level and system_call_wins() else calls <= 1

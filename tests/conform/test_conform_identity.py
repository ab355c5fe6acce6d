"""Nothing passes that was not asked: every process of a target has mapped the libc and the library that it names."""

from __future__ import annotations

import json
import os
import platform
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, one_line
from conftest import Compile
from vgetrandom.conformance.cases import read_cases
from vgetrandom.conformance.identity import WAYS, prove
from vgetrandom.conformance.libc_folder import look
from vgetrandom.conformance.runner import Plan, Runner
from vgetrandom.conformance.static import static_command
from vgetrandom.conformance.targets import parse_target, parse_targets
from vgetrandom.errors import VgetrandomError
from vgetrandom.preload.identity import file_at, identify, read_mappings

ONE = "interface_errno"
EM_AARCH64 = 183
MUSL = Path("/lib/ld-musl-x86_64.so.1")
needs_musl = needs.program("musl-gcc")
needs_root = needs.root("to mount")


def refused(vgetrandom: Vgetrandom, *words: object) -> str:
    """The one line with which `conform` refuses, before any case has a result."""
    done = vgetrandom("conform", *words, "-k", ONE)
    assert (done.returncode, done.stdout) == (2, "")
    return one_line(done)


def identities(vgetrandom: Vgetrandom, *words: object) -> dict[str, dict[str, dict[str, str]]]:
    done = vgetrandom("conform", *words, "-k", ONE, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, dict[str, str]]] = json.loads(done.stdout)["identities"]
    return found


def script(folder: Path, text: str) -> str:
    """A wrapper as a target: a shell script that starts its arguments at the end."""
    path = folder / "wrapper"
    path.write_text(f'#!/bin/sh\n{text}\nexec "$@"\n')
    path.chmod(0o755)
    return f"under:{path}+shim"


def interposer(folder: Path) -> Path:
    """A library that has a getrandom of its own."""
    source, built = folder / "other.c", folder / "other.so"
    source.write_text("long getrandom(void *b, unsigned long n, unsigned f) { (void)b; (void)f; return (long)n; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", built, source], check=True)
    return built


# The library.


@pytest.mark.parametrize("name", ["a b", "a:b", "a\tb", "a\nb", "a$LIB", "a${ORIGIN}"])
def test_a_path_that_ld_preload_cannot_hold_is_refused(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    copy = Path(shutil.copy(library, folder))
    assert "LD_PRELOAD can't hold" in refused(vgetrandom, "shim", "--library", copy)


@pytest.mark.parametrize("name", ["100%", "%s%n", "a=b", "a$b", "a'b", "ä"])
def test_a_path_with_other_odd_characters_is_tested_for_real(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    copy = Path(shutil.copy(library, folder))
    found = identities(vgetrandom, "shim", "--library", copy)["shim"]
    assert found["library"]["path"] == found["getrandom"]["path"] == str(copy)
    assert found["library"]["sha256"] == identify(library).sha256
    assert found["ways"] == list(WAYS)


def test_a_file_that_is_no_library_is_refused(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    text, other = tmp_path / "text.so", interposer(tmp_path)
    text.write_text("not a library")
    for path in (text, other, Path("/bin/true"), tmp_path):
        assert str(path) in refused(vgetrandom, "shim", "--library", path)


def test_a_library_of_another_architecture_is_refused(vgetrandom: Vgetrandom, library: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "libvgetrandom.so"
    content = bytearray(library.read_bytes())
    content[18:20] = struct.pack("=H", EM_AARCH64)  # e_machine, elf(5)
    foreign.write_bytes(content)
    assert "aarch64" in refused(vgetrandom, "shim", "--library", foreign)


def test_a_wrapper_that_drops_the_library_is_no_pass(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    said = refused(vgetrandom, script(tmp_path, "unset LD_PRELOAD"))
    assert "started by direct" in said and "is not loaded" in said


@pytest.mark.parametrize(("starts", "way"), [(1, "exec"), (2, "spawn"), (3, "shell")])
def test_every_way_of_starting_a_process_is_looked_at(
    vgetrandom: Vgetrandom, tmp_path: Path, starts: int, way: str
) -> None:
    """A wrapper that drops the library from its second, third, fourth start on."""
    count = f"echo >> {tmp_path}/starts; [ $(wc -l < {tmp_path}/starts) -gt {starts} ] && unset LD_PRELOAD"
    assert f"started by {way}," in refused(vgetrandom, script(tmp_path, count))


@needs_root
@needs.program("unshare")
def test_a_library_that_the_loader_cannot_open_is_no_pass(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path
) -> None:
    """As under an AppArmor profile that hides it: there for the command, not for what it starts."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    copy = shutil.copy(library, hidden)
    (tmp_path / "hide").write_text(f'mount -t tmpfs none {hidden}\nexec "$@"\n')
    wrapper = f"unshare -m --propagation private sh {tmp_path}/hide"
    if subprocess.run([*wrapper.split(), "true"]).returncode:
        needs.another_host("on which mounts of our own can be had")
    said = refused(vgetrandom, f"under:{wrapper}+shim", "--library", copy)
    assert str(copy) in said and "is not loaded" in said


@needs_root
@needs.program("unshare")
def test_a_library_that_may_not_be_mapped_is_no_pass(vgetrandom: Vgetrandom, library: Path, tmp_path: Path) -> None:
    """As under an AppArmor profile with `r` for it and without `m`: it can be read, and no code of it be mapped."""
    place = tmp_path / "place"
    place.mkdir()
    copy = shutil.copy(library, place)
    (tmp_path / "mount").write_text(
        f'mount --bind {place} {place} && mount -o remount,bind,noexec {place} || exit 77\nexec "$@"\n'
    )
    wrapper = f"unshare -m --propagation private sh {tmp_path}/mount"
    if subprocess.run([*wrapper.split(), "true"]).returncode:
        needs.another_host("on which mounts of our own can be had")
    said = refused(vgetrandom, f"under:{wrapper}+shim", "--library", copy)
    assert str(copy) in said and "is not loaded" in said


def test_a_library_that_a_security_module_hides_is_no_pass(
    vgetrandom: Vgetrandom, native: Compile, library: Path, tmp_path: Path
) -> None:
    """As under an AppArmor profile without it. Landlock answers here, landlock(7): not every kernel has AppArmor."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    copy = shutil.copy(library, hidden)
    hides = native("hides")
    if subprocess.run([hides, hidden, "true"]).returncode == 77:
        needs.another_host("with Landlock")
    assert subprocess.run([hides, hidden, "cat", copy], stderr=subprocess.DEVNULL).returncode == 1
    said = refused(vgetrandom, f"under:{hides} {hidden}+shim", "--library", copy)
    assert str(copy) in said and "is not loaded" in said


def test_an_interposer_in_front_of_the_library_is_no_pass(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    other = interposer(tmp_path)
    said = refused(vgetrandom, script(tmp_path, f'export LD_PRELOAD="{other}:$LD_PRELOAD"'))
    assert f"getrandom is that of {other}, in front of" in said


def vdso_in(folder: Path) -> Path:
    """A copy of the kernel's vDSO, which is a shared library."""
    mapped = [m for m in read_mappings(Path("/proc/self/maps").read_text()) if m.path == "[vdso]"]
    if not mapped:
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    with Path("/proc/self/mem").open("rb") as memory:
        memory.seek(mapped[0].start)
        (folder / "vdso.so").write_bytes(memory.read(mapped[0].end - mapped[0].start))
    return folder / "vdso.so"


def test_a_vdso_in_the_global_scope_is_no_pass(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """It exports, as getrandom, a function of five arguments: in front of the library, programs would call that."""
    vdso = vdso_in(tmp_path)
    if b"getrandom\0" not in vdso.read_bytes():
        needs.another_host("with vDSO getrandom: Linux 6.11 or newer")
    said = refused(vgetrandom, script(tmp_path, f'export LD_PRELOAD="{vdso}:$LD_PRELOAD"'))
    assert f"getrandom is that of {vdso}, in front of" in said
    cases = "interface_errno,interface_flags,interface_lengths,fork_fork"
    done = vgetrandom("conform", script(tmp_path, f'export LD_PRELOAD="$LD_PRELOAD:{vdso}"'), "-k", cases)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_function_of_no_file_is_no_pass(tmp_path: Path) -> None:
    """As where a loader puts the vDSO itself into the global scope."""
    program = tmp_path / "probe"
    said = "".join(
        f"way {way}\naddress getrandom 9000\naddress libc 5000\n5000-6000 r-xp 0 00:01 8 /lib/libc.so.6\n"
        "9000-a000 r-xp 0 00:00 0 [vdso]\nend\n"
        for way in WAYS
    )
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    program.chmod(0o755)
    with pytest.raises(VgetrandomError, match=r"getrandom is that of \[vdso\]"):
        prove(parse_target("native", None), program, dict(os.environ))


def test_what_cases_tell_each_other_is_not_taken_from_the_user_s_environment(vgetrandom: Vgetrandom) -> None:
    """With a descriptor that is none in CONFORM_RECORD, cases over exec would be skipped."""
    done = vgetrandom("conform", "native", "-k", "life_exec", "--json", CONFORM_RECORD="77", CONFORM_ALLOWED="0")
    assert [result["outcome"] for result in json.loads(done.stdout)["results"]] == ["pass"]


def test_an_auditing_library_beside_the_library_changes_nothing(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """LD_AUDIT (rtld-audit(7)): it lives in a namespace of its own, with a libc of its own, which draws as well."""
    source, audit = tmp_path / "audit.c", tmp_path / "audit.so"
    source.write_text(
        "#define _GNU_SOURCE\n#include <link.h>\n#include <sys/random.h>\n"
        "unsigned int la_version(unsigned int version)\n"
        "{\n\tchar bytes[16];\n\n\treturn getrandom(bytes, 16, 0) == 16 ? version : 0;\n}\n"
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", audit, source], check=True)
    words = ("conform", f"under:env LD_AUDIT={audit}+shim", "--json")
    cases = "interface_errno,interface_lengths,fork_fork,thread_endings,life_exec,life_dlopen"
    done = vgetrandom(*words, "-k", cases)
    results = json.loads(done.stdout)["results"]
    bad = [(result["case"], result["reason"]) for result in results if result["outcome"] not in ("pass", "skip")]
    assert not bad, bad


def test_another_preloaded_generator_can_be_a_target_and_is_named(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    other = interposer(tmp_path)
    target = f"under:env LD_PRELOAD={other}"
    done = vgetrandom("conform", target, "-k", ONE, "--json")
    assert done.returncode == 1  # it is none that keeps promises
    assert json.loads(done.stdout)["identities"][target]["getrandom"]["path"] == str(other)


def test_any_function_that_fills_a_buffer_can_be_asked(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """By adapter.c. One that keeps its bytes over a fork fails there, and its own calls do not come back to it."""
    source, fills, built = tmp_path / "fills.c", tmp_path / "libfills.so", tmp_path / "adapted.so"
    source.write_text(
        "#include <sys/random.h>\n#include <string.h>\nstatic char kept[1 << 20];\nstatic size_t at = sizeof(kept);\n"
        "void fill(void *bytes, size_t length)\n{\n"
        "\tif (at + length > sizeof(kept))\n\t\tfor (at = 0; at < sizeof(kept); )\n"
        "\t\t\tat += getrandom(kept + at, sizeof(kept) - at, 0);\n"
        "\tat = at == sizeof(kept) ? 0 : at;\n\tmemcpy(bytes, kept + at, length);\n\tat += length;\n}\n"
    )
    adapter = Path(__file__).parents[1] / "conformance" / "adapter.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", fills, source], check=True)
    words = ["gcc", "-shared", "-fPIC", "-DFILL=fill", adapter, fills, f"-Wl,-rpath,{tmp_path}", "-o", built]
    subprocess.run(words, check=True)
    done = vgetrandom("conform", f"preload:kept={built}", "-k", f"{ONE},fork_fork", "--json")
    document = json.loads(done.stdout)
    outcomes = {result["case"]: result["outcome"] for result in document["results"]}
    assert outcomes == {ONE: "pass", "fork_fork": "fail"}, document["results"]
    assert document["identities"]["kept"]["getrandom"]["path"] == str(built)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("preload:", "names no library"),
        ("preload:mine=", "names no library"),
        ("preload:/nonexistent.so", "can't be read"),
        ("preload:/bin/true", "defines getrandom"),
        ("preload:/lib/x86_64-linux-gnu/libm.so.6", "defines getrandom"),
        ("preload:/lib+shim", "programs call one"),
    ],
)
def test_what_is_no_generator_is_refused(vgetrandom: Vgetrandom, target: str, said: str) -> None:
    assert said in refused(vgetrandom, target)


def test_the_table_says_who_was_asked(vgetrandom: Vgetrandom, library: Path) -> None:
    done = vgetrandom("conform", "shim", "native", "-k", ONE)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("shim: libc /")]
    assert f"library {identify(library)}" in line
    assert "direct, fork, exec, spawn, shell" in line


# The libc.


def musl_in(folder: Path, name: str = "libc.so") -> Path:
    """A copy of the host's musl that differs from it by its sha256."""
    folder.mkdir(parents=True)
    copy = folder / name
    copy.write_bytes(MUSL.read_bytes() + b"\0")
    copy.chmod(0o755)
    return copy


@needs_musl
def test_what_destdir_made_is_tested_and_not_the_host_s(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    """musl's `make install DESTDIR=...` makes the loader an absolute link, which leads out of the folder."""
    installed = musl_in(tmp_path / MUSL.resolve().parent.relative_to("/"), MUSL.resolve().name)
    (tmp_path / "lib").mkdir(exist_ok=True)
    (tmp_path / "lib" / MUSL.name).symlink_to(MUSL.resolve())
    found = identities(vgetrandom, f"libc:{tmp_path}")[f"libc:{tmp_path}"]
    assert found["libc"]["path"] == str(installed)
    assert found["libc"]["sha256"] == identify(installed).sha256 != identify(MUSL).sha256


@needs_musl
def test_a_loader_that_is_not_in_the_folder_is_refused(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    (tmp_path / MUSL.name).symlink_to(MUSL.resolve())
    assert "is not in" in refused(vgetrandom, f"libc:{tmp_path}")


@needs_musl
def test_a_build_tree_of_musl_has_no_loader_s_name_yet(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    built = musl_in(tmp_path / "lib")
    found = identities(vgetrandom, f"libc:mine={tmp_path}")["mine"]
    assert found["libc"]["path"] == str(built)


def glibc_in(folder: Path) -> Path:
    """A folder with copies of the host's glibc and its loader."""
    folder.mkdir()
    mappings = read_mappings(Path("/proc/self/maps").read_text())
    libc = next((Path(m.path) for m in mappings if Path(m.path).name == "libc.so.6"), None)
    if libc is None:
        needs.another_host("with glibc")
    loader = next(Path(m.path) for m in mappings if Path(m.path).name.startswith("ld-linux"))
    for path in (libc, loader):
        shutil.copy(path, folder)
    return folder


def test_a_libc_elsewhere_is_the_one_that_is_mapped(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    folder = glibc_in(tmp_path / "a b")  # a loader is told folders with spaces well
    found = identities(vgetrandom, f"libc:{folder}", f"libc:{folder}+shim")
    assert [found[name]["libc"]["path"] for name in found] == [str(folder / "libc.so.6")] * 2


@pytest.mark.parametrize("name", ["a:b", "a;b", "a$ORIGIN"])
def test_a_folder_that_a_loader_cannot_be_told_is_refused(vgetrandom: Vgetrandom, tmp_path: Path, name: str) -> None:
    assert "can't be told" in refused(vgetrandom, f"libc:{glibc_in(tmp_path / name)}")


def test_a_libc_of_another_architecture_is_refused(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    folder = glibc_in(tmp_path / "foreign")
    for path in folder.iterdir():
        content = bytearray(path.read_bytes())
        content[18:20] = struct.pack("=H", EM_AARCH64)
        path.write_bytes(content)
    assert "aarch64" in refused(vgetrandom, f"libc:{folder}")


def test_another_libc_than_the_one_asked_for_is_no_pass(tmp_path: Path) -> None:
    target = parse_target(f"libc:{glibc_in(tmp_path / 'libc')}", None)
    cases = read_cases(Path(__file__).parents[1] / "conformance", ONE)
    wrong = replace(target, libc=Path("/bin/true"))
    with pytest.raises(VgetrandomError, match=r"the libc is .*/libc/libc\.so\.6, not /bin/true"):
        Runner(Plan(cases, [wrong]), tmp_path).build()


def test_links_that_lead_through_the_folder_are_followed(tmp_path: Path) -> None:
    folder = glibc_in(tmp_path / "libc")
    (folder / "deep").mkdir()
    (folder / "libc.so.6").rename(folder / "deep/libc-2.so")
    (folder / "libc.so.6").symlink_to("deep/libc-2.so")
    assert look(folder).libc == folder / "deep/libc-2.so"


# Labels.


def test_a_name_of_the_user_s_is_the_label(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    folder = glibc_in(tmp_path / "libc")
    words = ("conform", f"libc:mine={folder}", f"libc:mine={folder}+shim", "-k", ONE)
    done = vgetrandom(*words)
    assert "mine: 1 pass" in done.stdout and "mine+shim: 1 pass" in done.stdout


def test_two_targets_with_one_label_are_an_error(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    one, two = glibc_in(tmp_path / "one"), glibc_in(tmp_path / "two")
    assert "both called mine" in refused(vgetrandom, f"libc:mine={one}", f"libc:mine={two}")
    assert len(parse_targets([f"libc:{one}", f"libc:{two}"], None)) == 2


# Static programs.


def test_the_host_s_libc_can_be_asked_in_static_programs(vgetrandom: Vgetrandom) -> None:
    cases = "interface_flags,interface_getentropy,fork_fork,thread_endings,step_handler,life_dlopen"
    done = vgetrandom("conform", "static", "-k", cases, "--json")
    document = json.loads(done.stdout)
    if not document["identities"]:
        needs.skip(done.stderr.strip(), needs.install("libc6-dev"))
    outcomes = {result["case"]: result["outcome"] for result in document["results"]}
    assert outcomes.pop("life_dlopen") == "skip"
    assert set(outcomes.values()) == {"pass"}, document["results"]
    assert document["identities"]["static"]["libc"]["path"].endswith("/libc.a")


@needs_musl
def test_a_folder_with_an_archive_is_the_one_that_is_linked(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    host = Path("/usr/lib/x86_64-linux-musl")
    shutil.copytree(host, tmp_path / "lib", ignore=shutil.ignore_patterns("*.so*"))
    shutil.copytree("/usr/include/x86_64-linux-musl", tmp_path / "include")
    label = f"static:{tmp_path}"
    found = identities(vgetrandom, label)[label]
    assert found["libc"]["path"] == str(tmp_path / "lib/libc.a")
    named = identities(vgetrandom, f"static:mine={tmp_path}")
    assert named["mine"]["libc"] == found["libc"]


def test_headers_of_another_architecture_are_left_alone(tmp_path: Path) -> None:
    """Debian's kernel headers are side by side for all: another's would have other numbers of system calls."""
    own = {"ppc64le": "powerpc64le"}.get(platform.machine(), platform.machine())
    for name in ("aarch64", "s390x", "x86_64", own):
        (tmp_path / "include" / f"{name}-linux-gnu" / "asm").mkdir(parents=True, exist_ok=True)
    (tmp_path / "include" / "stdio.h").touch()
    (tmp_path / "libc.a").touch()
    taken = [word for word in static_command(str(tmp_path)) if word.endswith("-linux-gnu")]
    assert taken == [str(tmp_path / "include" / f"{own}-linux-gnu")]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("static:/nonexistent", "is not there"),
        ("static:/proc/self/fdinfo", "no libc.a"),
        ("static:no-such-compiler", "can't be run"),
        ("static:false", "can't link"),
        ("static+shim", "nothing is preloaded"),
    ],
)
def test_what_cannot_be_linked_statically_is_one_line(vgetrandom: Vgetrandom, target: str, said: str) -> None:
    assert said in refused(vgetrandom, target)


# Mappings.


def test_mappings_are_read_as_the_kernel_writes_them() -> None:
    text = (
        "7f00-8000 r-xp 00001000 00:2a 12                         /a b/lib.so\n"
        "8000-9000 rw-p 00000000 00:00 0 \n"
        "9000-9100 r--p 00000000 08:01 5 /new\\012line (deleted)\n"
        "ffff-fffff r-xp 00000000 00:00 0                        [vdso]\n"
    )
    found = read_mappings(text)
    assert [mapping.path for mapping in found] == ["/a b/lib.so", "/new\nline (deleted)", "[vdso]"]
    assert file_at(found, 0x7FFF) == "/a b/lib.so"
    assert file_at(found, 0x8000) == ""

"""Every skip says what is missing and the one command that brings it: tests skip by tests/needs.py alone."""

from __future__ import annotations

import ast
import re

import needs
import pytest
from _pytest.outcomes import Skipped
from conftest import ROOT

TESTS = ROOT / "tests"
FILES = [path for path in sorted(TESTS.rglob("*.py")) if path.name != "needs.py"]
REMEDIES = {"SETUP", "ROOT", "PROGRAMS", "MIRROR"}
# Of Debian's, what every system with a compiler and Python has.
EVERYWHERE = {"apt", "bash", "bsdutils", "dpkg", "gcc", "libc-bin", "libc6-dev", "make", "python3", "util-linux"}


_SKIPS = ("skip", "skipif", "importorskip", "skipTest", "xfail")


def is_remedy(node: ast.expr) -> bool:
    """One of tests/needs.py: needs.ROOT, needs.install(...), or a choice of two."""
    if isinstance(node, ast.IfExp):
        return is_remedy(node.body) and is_remedy(node.orelse)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "needs.install" and bool(node.args)
    return ast.unparse(node) in {f"needs.{name}" for name in REMEDIES}


def faults(text: str) -> list[str]:
    """A line for each skip that is not as it should be."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in _SKIPS and ast.unparse(node) != "needs.skip":
            found.append(f"line {node.lineno}: {ast.unparse(node)}; tests/needs.py skips")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "needs.skip" and not is_remedy(node.args[-1]):
            found.append(f"line {node.lineno}: no remedy: {ast.unparse(node)}")
    return found


def test_each_skip_has_a_remedy() -> None:
    found = {str(path.relative_to(TESTS)): faults(path.read_text(encoding="utf-8")) for path in FILES}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "line",
    [
        'pytest.skip("strace is not installed")',
        'pytest.mark.skipif(True, reason="x")',
        'pytest.importorskip("rich")',
        'needs.skip("no network", "later")',
        'needs.skip("no network", needs.install())',
    ],
)
def test_a_skip_without_one_is_seen(line: str) -> None:
    assert len(faults(line)) == 1


def test_reasons_name_the_command() -> None:
    assert needs.program("strace", "no-such-program").kwargs["reason"].endswith("; apt-get install no-such-program")
    assert needs.python("no_such_module").kwargs["reason"] == "no_such_module is not installed; ./setup --test"
    assert needs.root("to mount").kwargs["reason"] == "needs root, to mount; run .venv/bin/pytest as root"
    assert needs.host(False, "with a tail").kwargs["reason"] == "needs a host with a tail"
    with pytest.raises(Skipped, match=r"^ant-linux-gnu-gcc and nm-9 are .*apt-get install gcc-ant-linux"):
        needs.require("ant-linux-gnu-gcc", "nm-9")


def test_packages_that_are_named_are_those_that_ci_installs() -> None:
    listed = set(re.sub("#.*", "", (TESTS / "packages.txt").read_text()).split())
    text = "".join(path.read_text(encoding="utf-8") for path in FILES)
    named = {*needs._PACKAGES.values(), *re.findall(r'needs\.install\("([^"]+)"\)', text)}
    unknown = {needs.install(name).split()[-1] for name in named} - listed - EVERYWHERE
    assert unknown <= {"systemd", "clang"}  # tests of these have a second way, or wait for them

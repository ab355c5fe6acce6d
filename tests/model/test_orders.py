"""Memory orders: core/'s own functions hold under every execution that C11 allows, and need each of their orders."""

from __future__ import annotations

import re
from pathlib import Path

import needs
import pytest

from model.orders import GOOD, NEEDED, RELACY, SCENARIOS, build, explore, function, numbered, operations


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs.require("g++")
    if not RELACY.exists():
        needs.skip("relacy is not installed", needs.install("relacy"))
    return build(tmp_path_factory.mktemp("orders"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_code_holds(program: Path, scenario: str) -> None:
    assert explore(program, scenario).endswith(GOOD)


@pytest.mark.parametrize(("number", "name"), [(number, name) for number, (name, _line) in enumerate(numbered())])
def test_an_order_is_needed(program: Path, number: int, name: str) -> None:
    found = {scenario: explore(program, scenario, number) for scenario in NEEDED[name]}
    assert found == dict.fromkeys(NEEDED[name], "DATA RACE")


def test_no_operation_with_an_order_is_left_out() -> None:
    """When this fails, put the function into FUNCTIONS and what needs its order into NEEDED.

    Hosts of core/ other than the preloaded library are examples, and not explored.
    """
    explored = [line for _name, line in numbered()]
    written = [operation.text for operation in operations() if not operation.file.startswith("hosts/")]
    assert sorted(written) == sorted(explored)
    assert [name for name, _line in numbered()] == list(NEEDED)


def test_a_comment_above_names_the_partner() -> None:
    for operation in operations():
        assert re.match(r"/\* Partner: .*\w\(\)", operation.above), f"{operation.file}:{operation.number}"


def test_a_function_is_found_whole() -> None:
    text = function("core/slots.c", "give")
    assert text.startswith("static bool give(void)\n{\n") and text.endswith("\treturn true;\n}\n")
    with pytest.raises(LookupError):
        function("core/slots.c", "no_such_function")

"""The parts of `vgetrandom observe` that need no right: formats, control groups, prices, errors, and the text."""

from __future__ import annotations

import errno
from dataclasses import replace
from itertools import product

import pytest
from vgetrandom.errors import VgetrandomError
from vgetrandom.observe import demand
from vgetrandom.observe.containers import CgroupNumbers, chosen_group, is_within, place_of
from vgetrandom.observe.counter import CLASSES, Sample
from vgetrandom.observe.demand import Calls, Ledger, Row, with_prices
from vgetrandom.observe.document import look_object
from vgetrandom.observe.judging import Judge, Opinion
from vgetrandom.observe.observing import Burden, Look, explain
from vgetrandom.observe.prices import Prices
from vgetrandom.observe.processes import Identity
from vgetrandom.observe.text import look_lines
from vgetrandom.observe.tracepoint import Tracepoint, parse_format
from vgetrandom.scan.verdict import Verdict

FORMAT = """name: sys_enter_getrandom
ID: {number}
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:char * {buffer};	offset:16;	size:8;	signed:0;
	field:size_t {length};	offset:24;	size:8;	signed:0;
	field:unsigned int flags;	offset:32;	size:8;	signed:0;
"""
ID = "0123456789abcdef" * 4
PRICES = Prices((200.0, 210.0, 400.0, 4400.0, 65840.0), (20.0, 30.0, 100.0, 4500.0, 5000.0), True)


def test_the_format_of_the_event_is_read() -> None:
    assert parse_format(FORMAT.format(number=2177, buffer="ubuf", length="len")) == Tracepoint(2177, 24, 32)
    assert parse_format(FORMAT.format(number=7, buffer="buf", length="count")) == Tracepoint(7, 24, 32)
    with pytest.raises(FileNotFoundError):
        parse_format("name: sys_enter_read\nID: 5\nformat:\n")


@pytest.mark.parametrize(
    ("cgroup", "says"),
    [
        ("/", "-"),
        ("/system.slice/nginx.service", "nginx.service"),
        ("/user.slice/user-0.slice/session-1.scope", "session-1.scope"),
        (f"/system.slice/docker-{ID}.scope", f"docker {ID[:12]}"),
        (f"/docker/{ID}", f"docker {ID[:12]}"),
        (f"/machine.slice/libpod-{ID}.scope/container", f"podman {ID[:12]}"),
        (
            f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope",
            f"containerd {ID[:12]}",
        ),
        (f"/kubepods/burstable/pod1234-5678/{ID}", f"kubernetes {ID[:12]}"),
        (f"/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope", f"cri-o {ID[:12]}"),
        ("/lxc.payload.web1/init.scope", "lxc web1"),
        ("/lxc/web2", "lxc web2"),
        ("/machine.slice/machine-debian.scope", "nspawn debian"),
        ("/machine.slice/systemd-nspawn@debian.service/payload", "nspawn debian"),
    ],
)
def test_a_control_group_names_the_container(cgroup: str, says: str) -> None:
    assert str(place_of(cgroup)) == says


def test_a_control_group_holds_those_below_it_alone() -> None:
    assert is_within("/system.slice/nginx.service", "system.slice")
    assert is_within("/system.slice/nginx.service", "/system.slice/nginx.service/")
    assert is_within("/system.slice/nginx.service/worker", "nginx.service")
    assert not is_within("/system.slice/nginx.service", "nginx")
    assert not is_within("/system.slice/other-nginx.service", "nginx.service")
    with pytest.raises(VgetrandomError):
        chosen_group("there/is/no/such.service")


@pytest.mark.parametrize(
    ("code", "root", "lockdown", "says"),
    [
        (errno.EPERM, False, "", "needs root"),
        (errno.EACCES, False, "integrity", "needs root"),
        (errno.EPERM, True, "none", "CAP_SYS_ADMIN"),
        (errno.EPERM, True, "confidentiality", "locked down"),
        (errno.ENOENT, True, "", "CONFIG_FTRACE_SYSCALLS"),
        (errno.ENODEV, True, "", "CONFIG_FTRACE_SYSCALLS"),
        (errno.ENOSYS, True, "", "CONFIG_BPF_EVENTS"),
        (errno.EINVAL, True, "", "CONFIG_BPF_EVENTS"),
        (errno.ENOMEM, True, "", "Cannot allocate memory"),
        (None, True, "", "no known reason"),
    ],
)
def test_each_error_of_the_kernel_says_what_is_missing(code: int | None, root: bool, lockdown: str, says: str) -> None:
    assert says in explain(code, root, lockdown)


def test_prices_lie_on_lines_between_the_measured_sizes() -> None:
    assert PRICES.cost(1, 16) == pytest.approx(200e-9)
    assert PRICES.cost(1, 1) == pytest.approx(200e-9)
    assert PRICES.cost(10, 10 * 144) == pytest.approx(10 * 305e-9)
    assert PRICES.cost(1, 131072) == pytest.approx((65840 + 65536) * 1e-9)
    assert PRICES.cost(0, 0) == 0
    assert PRICES.gain(10, 160) == pytest.approx(1800e-9)
    assert PRICES.gain(1, 4096) == 0  # what costs more is no gain


def test_who_has_the_pid_of_one_that_is_gone_is_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its last calls, which were counted while it was still there. On a busy host a pid comes back in minutes."""
    server = Identity(7, 100, "php", "php -S", "/usr/bin/php", "/", "/", True)
    living = [True]

    def name_and_start(pid: int) -> tuple[str, int]:
        if not living[0]:
            raise ProcessLookupError
        return server.name, server.start

    monkeypatch.setattr(demand, "name_and_start", name_and_start)
    monkeypatch.setattr(demand, "identify", lambda pid: server)
    ledger = Ledger(CgroupNumbers())

    def draw(name: str, calls: int) -> None:
        ledger.add([Sample(7, name, True, 1, (calls, 0, 0, 0, 0), (16 * calls, 0, 0, 0, 0), 0)])

    draw("php", 1000)
    living[0] = False
    draw("php", 10)  # before it ended
    draw("php", 1)  # between the count and our look at it
    draw("mktemp", 200)
    rows = {row.name: row.demand.total for row in ledger.rows(Judge())}
    assert rows == {"php": 1011, "mktemp": 200}


def a_row(**changes: object) -> Row:
    demand = Calls((100, 0, 0, 0, 0), (1600, 0, 0, 0, 0), 50)
    opinion = Opinion(Verdict.REACHED, "getrandom in prog", "process")
    row = Row(4321, 1, True, "prog", "/usr/bin/prog --serve", "/system.slice/prog.service", demand, opinion)
    return replace(row, **changes)  # type: ignore[arg-type]


def test_libcs_own_calls_and_first_draws_are_no_gain() -> None:
    (row,) = with_prices([a_row()], PRICES)
    assert row.cost == pytest.approx(150 * 200e-9)
    assert row.gain == pytest.approx(99 * 180e-9)
    (short,) = with_prices([a_row(pid=None, processes=100, alive=False)], PRICES)
    assert short.gain == 0


@pytest.mark.parametrize("verdict", [Verdict.NATIVE, Verdict.UNREACHABLE])
def test_what_is_not_reached_gains_nothing(verdict: Verdict) -> None:
    (row,) = with_prices([a_row(opinion=Opinion(verdict, "", "process"))], PRICES)
    assert row.gain == 0


def test_what_has_the_library_gains_nothing_and_what_is_unknown_is_unknown() -> None:
    has_it = a_row(opinion=Opinion(Verdict.REACHED, "", "process", True))
    unknown = a_row(pid=1, opinion=Opinion(None, "it ended", ""))
    rows = with_prices([has_it, a_row(pid=2), unknown], PRICES)
    assert [(row.pid, row.gain is None) for row in rows] == [(1, True), (2, False), (4321, False)]
    assert rows[2].gain == 0


def a_look(rows: list[Row], lost: int = 0, prices: Prices | None = PRICES) -> Look:
    host = sum((row.demand for row in rows), Calls())
    burden = Burden(190.0, 30.0, 0.02) if prices else Burden(None, None, 0.02)
    return Look(2.0, tuple(with_prices(rows, prices)), host, len(rows), lost, burden, prices)


ROWS = [
    a_row(),
    a_row(pid=None, processes=12, alive=False, command="mktemp -u", opinion=Opinion(Verdict.PARTLY, "", "name")),
    a_row(pid=99, alive=False, command="short", opinion=Opinion(None, "it ended", ""), cgroup=f"/docker/{ID}"),
]


@pytest.mark.parametrize(("width", "lost"), list(product([30, 40, 60, 80, 110, 200, None], [0, 7])))
def test_every_width_has_all_and_says_what_it_has_not(width: int | None, lost: int) -> None:
    lines = look_lines(a_look(ROWS, lost), 0, width)
    assert width is None or max(map(len, lines)) <= width
    whole = "".join(line.strip() for line in lines).replace(" ", "")
    words = ["4321", "12ended", "99ended", "prog--serve", "mktemp-u", "prog.service", f"docker{ID[:12]}", "partly?"]
    words += [
        "reached",
        "unknown",
        "CALLS/S",
        "CPU%",
        "GAIN%",
        "VERDICT",
        "lost:7callsof457" if lost else "lost:nocall",
    ]
    assert [word for word in words if word not in whole] == []
    assert "SIZES" in whole


def test_rows_that_are_left_out_are_counted() -> None:
    lines = look_lines(a_look(ROWS), 1, None)
    assert sum("prog" in line or "mktemp" in line or "short" in line for line in lines) == 1
    assert "and 2 more rows with 150 calls a second; --top 0 shows all" in lines


def test_control_characters_of_a_command_line_don_t_reach_the_terminal() -> None:
    lines = look_lines(a_look([a_row(command="evil\x1b[2J\nname")]), 0, None)
    assert not any("\x1b" in line or "\n" in line for line in lines)
    assert any("evil?[2J?name" in line for line in lines)


def test_a_host_where_nobody_draws_and_one_without_prices_say_so() -> None:
    assert look_lines(a_look([]), 20, 80)[0] == "nobody asked the kernel for random bytes"
    assert any(line.startswith("cost: not known") for line in look_lines(a_look(ROWS, prices=None), 20, None))
    idle = replace(PRICES, library=PRICES.system_call, active=False)
    assert any("not active on this host" in line for line in look_lines(a_look(ROWS, prices=idle), 20, None))


def test_the_object_has_every_row_whole() -> None:
    found = look_object(a_look(ROWS, 7))
    assert found["schema"] == 1 and found["lost_calls"] == 7
    assert found["size_classes"] == [*CLASSES, None]
    rows = {row["command"]: row for row in found["processes"]}
    assert rows["mktemp -u"]["processes"] == 12 and rows["mktemp -u"]["pid"] is None
    assert rows["mktemp -u"]["judged_by"] == "name" and rows["short"]["verdict"] is None
    assert rows["short"]["container"] == {"runtime": "docker", "name": ID}
    assert found["host"]["calls"] == sum(row["calls"] for row in found["processes"]) == 450

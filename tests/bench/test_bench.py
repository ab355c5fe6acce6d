"""`vgetrandom bench`: its ratios survive a machine that changes, its figures are measured, its errors are one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import needs
import pytest
from command import Vgetrandom, command_line, environment_with, one_line
from drawing import draws
from vgetrandom.bench import applications, building, compare, contenders, markdown, model, statistics, tables, verdicts
from vgetrandom.bench.contenders import Contender
from vgetrandom.bench.instructions import DRAWS
from vgetrandom.bench.model import LIBC, SHIM, SYSCALL, VDSO, Participant, Run, Series
from vgetrandom.bench.threads import thread_counts
from vgetrandom.bench.worker import Absent, Worker
from vgetrandom.errors import VgetrandomError

needs_compiler = needs.program("cc")
MACHINE = {"cpu": "a processor", "cpus": "2", "kernel": "6.18", "date": "2026-01-01"}


@pytest.fixture
def start(library: Path) -> Iterator[object]:
    """start("key"): the running worker of that contender; ended with the test."""
    known = {contender.key: contender for contender in contenders.all_contenders([], [])}
    running: list[Worker] = []

    def start_one(key: str) -> Worker:
        running.append(contenders.start(known[key], library))
        return running[-1]

    yield start_one
    for worker in running:
        worker.close()


def a_run(**latencies: Sequence[float]) -> Run:
    """A run of 16-byte draws; the keys' underscores stand for hyphens."""
    series = [
        Series(
            "latency", key.replace("_", "-"), "getrandom", 16, "ns", tuple(samples), {"switches": (0.0,) * len(samples)}
        )
        for key, samples in latencies.items()
    ]
    who = tuple(Participant(one.contender, one.contender, "", "getrandom") for one in series)
    return Run(MACHINE, {"program_scale": 1}, who, tuple(series))


# What samples become.


def test_a_ratio_is_the_median_of_pairs_so_a_machine_that_slows_down_changes_nothing() -> None:
    slowing = [100.0, 100, 100, 300, 300, 300, 300]
    run = a_run(syscall=slowing, shim=[10.0, 10, 10, 30, 30, 30, 90])
    series = run.find("latency", SHIM)
    assert series
    found = statistics.ratio(run, series, SYSCALL)
    assert found and found.median == pytest.approx(0.1)
    medians = statistics.summarise(series.samples).median / statistics.summarise(slowing).median
    assert medians == pytest.approx(0.1)  # as here; but not where the two were disturbed in different rounds:
    run = a_run(syscall=[100.0, 300, 300, 300], shim=[10.0, 10, 30, 30])
    series = run.find("latency", SHIM)
    assert series
    found = statistics.ratio(run, series, SYSCALL)
    assert found and found.median == pytest.approx(0.1)


def test_a_reference_of_the_same_turn_is_preferred_to_one_of_another_process() -> None:
    beside = Series("latency", SHIM, "getrandom", 16, "ns", (20.0, 20.0), {VDSO: (10.0, 10.0)})
    run = a_run(vdso=[40.0, 40.0])
    found = statistics.ratio(run, beside, VDSO)
    assert found and found.median == 2


def test_two_copies_that_differ_make_a_run_too_noisy_to_tell() -> None:
    quiet = statistics.noise(a_run(vdso=[50.0, 50, 50], vdso_again=[50.0, 51, 50]))
    loud = statistics.noise(a_run(vdso=[50.0, 50, 50], vdso_again=[60.0, 61, 58]))
    assert quiet and not quiet.too_noisy
    assert loud and loud.too_noisy and loud.difference == pytest.approx(0.2)


def test_what_is_faster_than_the_library_is_listed_and_what_is_not_is_not() -> None:
    run = a_run(
        shim=[20.0, 20, 20, 20], openssl=[10.0, 10, 10, 10], libc=[100.0, 100, 100, 100], same=[20.0, 20, 19.9, 20]
    )
    (row,) = verdicts.slower(run).rows
    assert row[0] == "openssl"
    assert "16 B (2.00x)" in row[1]


def test_an_aim_that_is_missed_says_no() -> None:
    met = {row[0]: row[3] for row in verdicts.aims(a_run(shim=[54.0] * 4, vdso=[50.0] * 4)).rows}
    missed = {row[0]: row[3] for row in verdicts.aims(a_run(shim=[60.0] * 4, vdso=[50.0] * 4)).rows}
    (name,) = met
    assert met[name] == "yes"
    assert missed[name] == "no"


def test_comparing_two_runs_finds_what_slowed_down_and_not_a_slower_machine() -> None:
    first = a_run(vdso=[50.0] * 8, vdso_again=[50.0] * 8, shim=[55.0] * 8)
    slower_machine = a_run(vdso=[100.0] * 8, vdso_again=[100.0] * 8, shim=[110.0] * 8)
    worse = a_run(vdso=[50.0] * 8, vdso_again=[50.0] * 8, shim=[70.0] * 8)
    assert not any(change.significant for change in compare.changes(first, slower_machine))
    (found,) = [change for change in compare.changes(first, worse) if change.significant]
    assert found.series.contender == SHIM
    assert found.factor == pytest.approx(70 / 55)
    assert compare.slower(first, worse)
    assert not compare.slower(worse, first)


@pytest.mark.parametrize(
    ("cpus", "counts"), [(1, [1, 2]), (2, [1, 2, 4]), (6, [1, 2, 4, 6, 8, 12]), (8, [1, 2, 4, 8, 16])]
)
def test_threads_go_from_one_to_twice_the_cpus(cpus: int, counts: list[int]) -> None:
    assert thread_counts(cpus) == counts


def test_a_run_survives_being_saved(tmp_path: Path) -> None:
    run = a_run(vdso=[50.0, 51.25], shim=[55.0, 56.0])
    model.save(run, tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text())["schema"] == model.SCHEMA
    assert model.load(tmp_path / "run.json") == run


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 99}'])
def test_a_file_that_is_no_run_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(VgetrandomError, match=r"run\.json"):
        model.load(tmp_path / "run.json")


def test_a_document_keeps_what_is_outside_the_marks(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n")
    run = a_run(syscall=[400.0], shim=[20.0])
    markdown.replace_section(path, markdown.document(run, tables.all_tables(run, SYSCALL)))
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| shim | 20.0x |" in text
    path.write_text("no marks")
    with pytest.raises(VgetrandomError, match="begin"):
        markdown.replace_section(path, "text")


# Who takes part.


def a_musl(folder: Path) -> Path:
    """A folder with a copy of the host's musl, as a build tree has it."""
    musl = Path("/lib/ld-musl-x86_64.so.1")
    if not musl.exists():
        needs.skip("musl is not installed", needs.install("musl"))
    (folder / "lib").mkdir(parents=True)
    shutil.copy(musl, folder / "lib" / "libc.so")
    return folder


def keys_and_labels(*libcs: str) -> dict[str, str]:
    return {contender.key: contender.label for contender in contenders.all_contenders(libcs, [])}


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("/home/me/lib/libvgetrandom.so (build id ab, sha256 cd)", "libvgetrandom.so (build id ab, sha256 cd)"),
        ("/usr/lib/libc.so.6 (build id ab, sha256 cd)", "/usr/lib/libc.so.6 (build id ab, sha256 cd)"),
        ("/dev/urandom", "/dev/urandom"),
    ],
)
def test_a_document_has_no_path_of_this_machine(cell: str, shown: str) -> None:
    assert markdown.without_folders(cell) == shown


def test_two_builds_of_one_version_are_two_rows(tmp_path: Path) -> None:
    one, two = a_musl(tmp_path / "one"), a_musl(tmp_path / "two")
    found = keys_and_labels(str(one), str(two))
    mine = [key for key, label in found.items() if label.startswith("musl") and not key.endswith(f"+{SHIM}")]
    assert len(mine) == 3  # and the installed one
    assert len(set(found.values())) == len(found)


def test_a_name_of_the_user_s_is_key_and_label(tmp_path: Path) -> None:
    one = a_musl(tmp_path / "one")
    found = keys_and_labels(f"mine={one}", str(one))
    assert found["mine"] == "mine"
    assert found[f"mine+{SHIM}"] == "mine + vgetrandom"


@pytest.mark.parametrize("names", [("mine", "mine"), (LIBC,), (SYSCALL,), ("musl",)])
def test_two_contenders_with_one_name_are_an_error(tmp_path: Path, names: Sequence[str]) -> None:
    libcs = [f"{name}={a_musl(tmp_path / str(number))}" for number, name in enumerate(names)]
    if names == ("musl",):  # the one that has no name of the user's gives way
        assert keys_and_labels(*libcs)["musl"] == "musl"
        return
    with pytest.raises(VgetrandomError, match=f"both called {names[0]};"):
        keys_and_labels(*libcs)


def test_a_libc_that_does_not_tell_its_version_is_called_by_its_folder(tmp_path: Path) -> None:
    """Its loader can't be run, as one of another system: it must not be taken for the installed one."""
    silent = a_musl(tmp_path / "silent") / "lib" / "libc.so"
    silent.chmod(0o644)
    found = keys_and_labels(str(tmp_path / "silent"))
    assert found["musl-silent"] == f"musl ({tmp_path / 'silent'})"
    assert "musl" in found


@needs_compiler
def test_a_contender_without_functions_cannot_take_part(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    source = tmp_path / "idle.c"
    source.write_text('/* idle */\n#include "worker.h"\nconst char *contender_prepare(void) { return NULL; }\n')
    words = ("bench", "--quick", "--contender", source, "--only", "syscall,idle", "--measure", "latency")
    done = vgetrandom(*words)
    assert done.returncode == 0, done.stderr
    assert "not measured: idle: it offers no function" in done.stderr


@needs_compiler
def test_a_worker_has_the_libc_that_was_asked_for(library: Path, tmp_path: Path) -> None:
    one = a_musl(tmp_path / "one")
    known = {contender.key: contender for contender in contenders.all_contenders([f"mine={one}"], [])}
    worker = contenders.start(known[f"mine+{SHIM}"], library)
    worker.close()
    assert [text.split()[0] for text in worker.files] == [str(one / "lib" / "libc.so"), str(library)]
    with pytest.raises(VgetrandomError, match="another libc than /bin/true"):
        Worker("mine", [str(building.build_worker(known[LIBC].source, "glibc"))], {}, None, Path("/bin/true"))


@needs_compiler
@pytest.mark.parametrize("kind", ["text", "space", "other"])
def test_a_library_that_cannot_be_preloaded_is_an_error(
    vgetrandom: Vgetrandom, library: Path, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / ("a b.so" if kind == "space" else "lib.so")
    if kind == "text":
        file.write_text("not a library")
    elif kind == "space":
        shutil.copy(library, file)
    else:
        subprocess.run(["cc", "-shared", "-nostdlib", "-x", "c", os.devnull, "-o", file], check=True)
    done = vgetrandom("bench", "--quick", "--library", file, "--only", "libc,shim", "--measure", "start")
    assert (done.returncode, done.stdout) == (2, "")
    assert str(file) in one_line(done)


# What is measured.


@needs_compiler
def test_every_contender_is_ready_or_says_why_not(library: Path) -> None:
    for contender in contenders.all_contenders([], []):
        try:
            worker = contenders.start(contender, library)
        except Absent as reason:
            assert str(reason)
            assert contender.key not in (SYSCALL, VDSO, LIBC, SHIM, "urandom")
            continue
        try:
            (turn,) = worker.turns((worker.main, 16, 64))
            assert turn.ns > 0
        finally:
            worker.close()


@needs_compiler
def test_the_library_needs_less_time_than_the_system_call(start: object) -> None:
    worker = start(SHIM)  # type: ignore[operator]
    count = worker.calibrate("getrandom", 16, 300_000)
    ratios = []
    for _ in range(21):
        library, kernel = worker.turns(("getrandom", 16, count), ("=syscall", 16, count // 4))
        ratios.append(library.ns / kernel.ns)
    assert sorted(ratios)[10] < 0.5


@needs_compiler
def test_instructions_are_exact_and_those_of_a_system_call_are_one(start: object) -> None:
    kernel, vdso, shim = start(SYSCALL), start(VDSO), start(SHIM)  # type: ignore[operator]
    size, count = 16, DRAWS[16]
    # The kernel may ask for new keys in between: the smallest of some counts is what a draw takes.
    counts = {
        worker: min(stepped - empty for stepped, empty in worker.ask(*[f"steps {worker.main} {size} {count}"] * 3))
        for worker in (kernel, vdso, shim)
    }
    assert abs(counts[kernel]) <= 2 * count  # the instruction, and what loads its arguments
    assert 0 < counts[shim] - counts[vdso] < 40 * count


@needs_compiler
def test_a_generator_that_ends_its_forked_child_does_not_end_the_run(tmp_path: Path, library: Path) -> None:
    source = tmp_path / "deadly.c"
    source.write_text(
        "/* SPDX-License-Identifier: MIT */\n/* deadly */\n#include <stdlib.h>\n#include <unistd.h>\n"
        '#include "worker.h"\nstatic pid_t owner;\n'
        "static void draw(void *buf, size_t size, long count)\n"
        "{ (void)buf; (void)size; (void)count; if (getpid() != owner) abort(); }\n"
        'const char *contender_prepare(void) { owner = getpid(); offer("deadly", draw, ANY_SIZE); return NULL; }\n'
    )
    worker = contenders.start(Contender("deadly", "deadly", source), library)
    try:
        assert worker.ask("fork deadly 16 3 1") == [[-1, -1, -1, -1]]
        (turn,) = worker.turns(("deadly", 16, 10))
        assert turn.ns >= 0
    finally:
        worker.close()


@needs_compiler
def test_a_library_that_does_not_load_is_not_measured_as_if_it_did(tmp_path: Path) -> None:
    broken = tmp_path / "libvgetrandom.so"
    broken.write_text("not a library")
    known = {contender.key: contender for contender in contenders.all_contenders([], [])}
    with pytest.raises(Absent, match="no build of"):
        contenders.start(known[SHIM], broken)


@needs_compiler
def test_a_worker_that_dies_is_one_sentence(library: Path) -> None:
    known = {contender.key: contender for contender in contenders.all_contenders([], [])}
    worker = contenders.start(known[LIBC], library)
    try:
        with pytest.raises(VgetrandomError, match="no such function"):
            worker.ask("turn nonsense 16 1")
    finally:
        worker.close()


@needs.program("strace")
def test_the_system_calls_of_a_program_are_counted_in_its_children_too(library: Path) -> None:
    draw = draws(200)
    words = ["sh", "-c", f"{sys.executable} -c '{draw}'; {sys.executable} -c '{draw}'"]
    without = applications._system_calls(words, {})
    within = applications._system_calls(words, {"LD_PRELOAD": str(library)})
    assert without is not None and without >= 400
    assert within is not None and within < 40


# The command.


@needs_compiler
def test_a_run_shows_saves_and_plots_what_it_measured(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    needs.require_python("matplotlib")
    file = tmp_path / "run.json"
    chosen = ("--only", "syscall,vdso,vdso-again,libc,shim", "--measure", "latency,memory,start")
    done = vgetrandom("bench", "--quick", *chosen, "--json", file, "--plot", tmp_path / "plot.svg")
    assert done.returncode == 0, done.stderr
    for expected in ("noise: two copies", "What the library aims at", "times as fast as the system call", "getentropy"):
        assert expected in done.stdout
    assert "\x1b" not in done.stdout
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == [
        f"bench: {measure}" for measure in ("starting", "latency", "memory", "program start")
    ]
    run = model.load(file)
    series = run.find("latency", SHIM, "getrandom", 4)
    assert series and len(series.samples) == len(series.beside[VDSO]) == run.settings["rounds"]
    found = statistics.ratio(run, series, SYSCALL)
    assert found and found.median < 0.5
    assert (tmp_path / "plot.svg").read_text().count("<path") > 20
    page = tmp_path / "page.md"
    page.write_text(f"{markdown.BEGIN}\n{markdown.END}\n")
    assert vgetrandom("bench", "show", file, "--document", page).stdout == ""
    assert "### What the library aims at" in page.read_text()
    shown = vgetrandom("bench", "show", file, "--baseline", "vdso", "--plot", tmp_path / "plot.png")
    assert shown.returncode == 0, shown.stderr
    assert "times as fast as the vDSO" in shown.stdout
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    same = vgetrandom("bench", "compare", file, file)
    assert same.returncode == 0, same.stdout
    assert "Nothing changed beyond noise" in same.stdout


@needs_compiler
def test_memory_that_the_library_adds_to_a_process(library: Path, tmp_path: Path) -> None:
    """With a fixed layout: where the stack and the files lie at random, so many pages more or less are written to."""
    needs.require("setarch")
    fixed = ("setarch", "--addr-no-randomize")
    if subprocess.run([*fixed, "true"], capture_output=True).returncode:
        needs.another_host("on which the layout of the address space can be fixed (personality(2))")
    file = tmp_path / "run.json"
    words = command_line("bench", "--quick", "--only", "syscall,shim", "--measure", "memory", "--json", file)
    done = subprocess.run([*fixed, *words], env=environment_with(library), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = model.load(file)
    shim, syscall = (run.find("memory", key) for key in (SHIM, SYSCALL))  # a libc may have states of its own
    assert shim and syscall
    assert 4 <= statistics.mean(shim.samples) - statistics.mean(syscall.samples) <= 64


@needs_compiler
def test_a_developers_own_contender_is_one_small_file(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    source = tmp_path / "counter.c"
    source.write_text(
        '/* SPDX-License-Identifier: MIT */\n/* a mere counter */\n#include <string.h>\n#include "worker.h"\n'
        "static void draw(void *buf, size_t size, long count) { while (count--) memset(buf, (int)count, size); }\n"
        'const char *contender_prepare(void) { offer("memset", draw, ANY_SIZE); return NULL; }\n'
    )
    listed = vgetrandom("bench", "--contender", source, "--list")
    assert "a mere counter" in listed.stdout
    done = vgetrandom("bench", "--quick", "--contender", source, "--only", "syscall,counter", "--measure", "latency")
    assert done.returncode == 0, done.stderr
    assert "a mere counter: memset" in done.stdout


def test_what_cannot_take_part_is_named_and_the_rest_is_measured(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    source = tmp_path / "missing.c"
    source.write_text(
        '/* a library that is not there */\n#include "worker.h"\nconst char *contender_prepare(void)\n'
        '{ return library("libnowhere.so.9") ? NULL : "libnowhere.so.9 is missing"; }\n'
    )
    words = ("bench", "--quick", "--contender", source, "--only", "syscall,missing", "--measure", "latency")
    done = vgetrandom(*words)
    assert done.returncode == 0
    assert "not measured: a library that is not there: libnowhere.so.9 is missing" in done.stderr
    assert "Not measured" in done.stdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--only", "nobody"], "nobody"),
        (["--measure", "beauty"], "beauty"),
        (["--baseline", "nobody"], "nobody"),
        (["--libc", "/nowhere/libc"], "/nowhere/libc"),
        (["--library", "/nowhere.so"], "/nowhere.so"),
        (["--contender", "/nowhere.c"], "/nowhere.c"),
        (["--plot", "run.pdf"], "run.pdf"),
        (["--plot", "/nowhere/run.svg"], "/nowhere"),
        (["--json", "/nowhere/run.json"], "/nowhere/run.json"),
        (["--document", "/nowhere/page.md"], "/nowhere/page.md"),
        (["show", "/nowhere.json"], "/nowhere.json"),
        (["compare", "/nowhere.json", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_measured(
    vgetrandom: Vgetrandom, words: list[str], what: str
) -> None:
    started = time.monotonic()
    done = vgetrandom("bench", *words)
    assert done.returncode == 2
    assert what in one_line(done)
    assert time.monotonic() - started < 10


def test_a_plot_without_matplotlib_names_the_extra(vgetrandom: Vgetrandom, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = vgetrandom("bench", "--plot", tmp_path / "plot.svg", PYTHONPATH=path)
    assert done.returncode == 2
    assert "vgetrandom[plot]" in one_line(done)


@needs_compiler
def test_an_interrupted_run_ends_at_once_and_leaves_no_worker(library: Path) -> None:
    words = command_line("bench", "--only", "syscall,vdso,libc,shim", "--measure", "latency")
    process = subprocess.Popen(
        words, env=environment_with(library), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    workers: list[str] = []
    while len(workers) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
        workers = [pid for pid in children.read_text().split() if _name(pid) in ("libc", "vdso", "kernel")]
    assert len(workers) == 4
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=20)
    assert process.returncode == 130
    assert complaint.splitlines()[-1] == "vgetrandom: interrupted"
    assert "Traceback" not in complaint
    assert not any(Path("/proc", pid).exists() for pid in workers)


@needs_compiler
def test_a_worker_that_is_closed_takes_its_children_with_it(tmp_path: Path, library: Path) -> None:
    """A child that stands still, as a traced one does, would keep the worker's output open for ever."""
    source = tmp_path / "parent.c"
    source.write_text(
        "/* SPDX-License-Identifier: MIT */\n/* parent */\n#include <signal.h>\n#include <unistd.h>\n"
        '#include "worker.h"\n'
        "static void draw(void *buf, size_t size, long count)\n"
        "{ (void)buf; (void)size; (void)count; if (!fork()) { signal(SIGHUP, SIG_IGN); for (;;) pause(); } }\n"
        'const char *contender_prepare(void) { offer("parent", draw, ANY_SIZE); return NULL; }\n'
    )
    worker = contenders.start(Contender("parent", "parent", source), library)
    worker.turns(("parent", 16, 1))
    children = Path(f"/proc/{worker._process.pid}/task/{worker._process.pid}/children").read_text().split()
    assert children
    closing = threading.Thread(target=worker.close, daemon=True)
    closing.start()
    closing.join(60)
    deadline = time.monotonic() + (0 if closing.is_alive() else 60)
    while any(map(_lives, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = list(filter(_lives, children))
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    assert left == []
    assert not closing.is_alive()


def _lives(pid: str) -> bool:
    """A zombie, for which nobody has waited yet, does not."""
    try:
        return "State:\tZ" not in Path("/proc", pid, "status").read_text()
    except OSError:
        return False


def _name(pid: str) -> str:
    try:
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:
        return ""

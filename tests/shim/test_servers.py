"""Servers that fork do under the library what they did without it, under load. Loopback and Unix sockets only."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import needs
import pytest
from witness import Process, Witness, read_testimony

SECONDS = 60  # longest wait for anything


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a server's own user can enter and write to: pytest's are private."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-server-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def preloading(witness: Witness, folder: Path) -> dict[str, str]:
    """An environment that preloads copies that any user can read; what they tell goes to folder/told."""
    told = folder / "told"
    told.touch()
    told.chmod(0o666)
    copies = []
    for path in (witness.library, witness.witness):
        copies.append(folder / path.name)
        shutil.copyfile(path, copies[-1])
    return {**os.environ, "LD_PRELOAD": ":".join(map(str, copies)), "WITNESS": str(told)}


def processes_in(folder: Path) -> list[Process]:
    processes = read_testimony((folder / "told").read_text())
    assert {process.status for process in processes} == {"active"}
    return processes


# ---- PostgreSQL: a process for each connection ----


def postgres_folder() -> Path:
    names = ("initdb", "postgres", "pg_ctl", "pgbench", "psql")
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    found = [folder for folder in folders if all((folder / name).exists() for name in names)]
    if not found:
        needs.skip("postgresql is not installed", needs.install("postgresql"))
    return max(found)


def as_somebody() -> list[str]:
    """PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        needs.require_user_name("PostgreSQL")
        return []
    needs.require("setpriv")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


@pytest.fixture
def postgres(witness: Witness, folder: Path) -> Iterator[Path]:
    """A server with the library, reached by a Unix socket in `folder`; ended before the test's own teardown."""
    programs, who = postgres_folder(), as_somebody()
    environment = preloading(witness, folder)
    plain = {**environment, "LD_PRELOAD": ""}
    data = folder / "data"

    def call(*words: str) -> None:
        command = [*who, str(programs / words[0]), *words[1:]]
        done = subprocess.run(command, env=plain, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr

    call("initdb", "-D", str(data), "-U", "tester", "-A", "trust", "--no-sync")
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    # pg_ctl would hold a pipe of ours open through the server: it writes to a file.
    with (folder / "start.log").open("w") as log:
        start = [*who, str(programs / "pg_ctl"), "-D", str(data), "-w", "-o", settings, "start"]
        status = subprocess.run(start, env=environment, cwd=folder, stdout=log, stderr=log, timeout=SECONDS).returncode
    assert status == 0, (folder / "start.log").read_text()
    try:
        yield programs
    finally:
        call("pg_ctl", "-D", str(data), "-w", "-m", "fast", "stop")


def test_postgresql_gives_every_connection_randomness_of_its_own(postgres: Path, folder: Path) -> None:
    """400 connections, each a forked process that draws 20 UUIDs; 8 at a time."""

    def sql(text: str) -> str:
        command = [str(postgres / "psql"), "-h", str(folder), "-U", "tester", "-d", "postgres", "-Atqc", text]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout.strip()

    sql("CREATE TABLE drawn (one uuid)")
    script = folder / "draw.sql"
    script.write_text("INSERT INTO drawn SELECT gen_random_uuid() FROM generate_series(1, 20);\n")
    load = [str(postgres / "pgbench"), "-h", str(folder), "-U", "tester", "-n", "-C", "-c", "8", "-j", "2", "-t", "50"]
    command = [*load, "-f", str(script), "postgres"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 400/400" in done.stdout
    assert sql("SELECT count(*), count(DISTINCT one) FROM drawn") == "8000|8000"
    # By OpenSSL, which seeds a generator of its own in each process.
    connections = [process for process in processes_in(folder) if process.forked and process.calls > 0]
    assert len(connections) >= 400


# ---- nginx: a master and two workers, TLS ----

NGINX = """
daemon off; master_process on; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key;
        location / {{ return 200 "$pid $request_id $ssl_session_id"; }}
    }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def nginx(witness: Witness, folder: Path) -> Iterator[int]:
    """The port of a running nginx with the library."""
    program = needs.require("nginx", "openssl")
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port, user=user))
    key = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*key, "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    environment = preloading(witness, folder)
    with (folder / "output").open("w") as log:
        command = [program, "-c", str(folder / "conf"), "-e", str(folder / "error.log")]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            for _ in range(SECONDS * 10):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None, (folder / "output").read_text() + (folder / "error.log").read_text()
                time.sleep(0.1)
            yield port
        finally:
            server.send_signal(signal.SIGQUIT)
            assert server.wait(SECONDS) == 0


def test_nginx_workers_draw_each_for_itself(nginx: int, folder: Path) -> None:
    """600 TLS connections, 8 at a time: no request gets an identifier that another had; reloaded in the middle."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def request(_: int) -> list[str]:
        with urllib.request.urlopen(f"https://127.0.0.1:{nginx}/", context=context, timeout=SECONDS) as answer:
            return str(answer.read().decode()).split()

    answers: list[list[str]] = []
    with ThreadPoolExecutor(8) as pool:
        answers += pool.map(request, range(300))
        os.kill(int((folder / "pid").read_text()), signal.SIGHUP)  # new workers, forked from the same master
        time.sleep(0.5)
        answers += pool.map(request, range(300))
    workers = {answer[0] for answer in answers}
    assert len(answers) == 600 and len({answer[1] for answer in answers}) == 600
    assert len(workers) >= 2
    for _ in range(SECONDS * 10):  # the two workers from before the reload end when their connections have
        if len(processes_in(folder)) >= 2:
            break
        time.sleep(0.1)
    # OpenSSL seeds its own generator after the fork: one draw for each worker, and it is not the master's.
    ended = [process for process in processes_in(folder) if str(process.pid) in workers]
    assert len(ended) >= 2
    assert all(process.forked for process in ended)

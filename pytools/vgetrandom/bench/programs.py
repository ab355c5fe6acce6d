"""The whole programs that the benchmark runs without and with the library: some that gain, some that can't."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "scripts"


@dataclass(frozen=True)
class Program:
    """`command` runs in an empty folder of its own; in it, {count} is `count` times the run's scale."""

    name: str
    command: tuple[str, ...]
    count: int = 0
    why: str = ""  # where the random bytes come from

    def words(self, scale: float) -> list[str]:
        count = str(max(1, round(self.count * scale)))
        return [word.replace("{count}", count) for word in self.command]

    def title(self, scale: float) -> str:
        """The name with the count that it was run with."""
        return self.name.replace("{count}", f"{max(1, round(self.count * scale)):,}")


PROGRAMS = (
    Program(
        "Python: {count} uuid.uuid4()",
        (sys.executable, "-c", "import uuid\nfor _ in range({count}): uuid.uuid4()"),
        60_000,
        "os.urandom(16) each",
    ),
    Program(
        "Python: server making {count} session tokens",
        (sys.executable, str(_FOLDER / "token_server.py"), "{count}"),
        10_000,
        "secrets.token_urlsafe(32) each; the rest is sockets",
    ),
    Program(
        "PHP: {count} random_bytes(16)",
        ("php", "-n", "-r", "for ($i = 0; $i < {count}; $i++) random_bytes(16);"),
        200_000,
        "a getrandom each",
    ),
    Program(
        "Ruby: {count} SecureRandom.uuid",
        ("ruby", "-e", "require 'securerandom'; {count}.times { SecureRandom.uuid }"),
        60_000,
        "a getrandom each",
    ),
    Program(
        "bash: {count} $SRANDOM",
        ("bash", "-c", "for ((i = 0; i < {count}; i++)); do : $SRANDOM; done"),
        60_000,
        "a getrandom of 4 bytes each",
    ),
    Program(
        "node: {count} crypto.randomBytes(16)",
        ("node", "-e", "for (let i = 0; i < {count}; i++) require('crypto').randomBytes(16)"),
        100_000,
        "OpenSSL's own generator",
    ),
    Program(
        "openssl rand, {count} bytes",
        ("openssl", "rand", "-out", "random", "{count}"),
        20_000_000,
        "OpenSSL's own generator",
    ),
    Program(
        "ssh-keygen -t ed25519",
        ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"),
        0,
        "OpenSSL's own generator",
    ),
    Program(
        "shuf of {count} numbers",
        ("shuf", "-i", "1-{count}", "-o", "shuffled"),
        500_000,
        "its own generator, seeded once",
    ),
    Program(
        "sh: {count} mktemp",
        ("sh", "-c", "i=0; while [ $i -lt {count} ]; do mktemp -u -p . > names; i=$((i + 1)); done"),
        100,
        "a getrandom or two each; the rest is starting programs",
    ),
    Program(
        "sqlite3: {count} randomblob(16)",
        (
            "sqlite3",
            ":memory:",
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < {count})"
            " select count(randomblob(16)) from n;",
        ),
        500_000,
        "its own generator, seeded from /dev/urandom",
    ),
    Program(
        "dd: {count} reads of /dev/urandom",
        ("dd", "if=/dev/urandom", "of=/dev/null", "bs=16", "count={count}", "status=none"),
        200_000,
        "reads the device, which stays as it is",
    ),
)

"""The real programs of tests/gains.py: those of `vgetrandom bench`, and more, some of them servers with a load."""

from __future__ import annotations

import shutil
import sys

from vgetrandom.bench.programs import PROGRAMS, Program

# Each stands in an empty folder, which any user may write to. A server is waited for, so that its time is counted.
NGINX = """
[ -e key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout key \\
  -out cert 2>&1
cat > nginx.conf <<EOF
daemon off; pid $PWD/pid; error_log $PWD/error; worker_processes 1; events { }
http { access_log off; client_body_temp_path $PWD; proxy_temp_path $PWD; fastcgi_temp_path $PWD; uwsgi_temp_path $PWD;
  scgi_temp_path $PWD;
  server { listen 127.0.0.1:8443 ssl; ssl_certificate $PWD/cert; ssl_certificate_key $PWD/key;
    location / { return 200 "$request_id"; } } }
EOF
nginx -c $PWD/nginx.conf & server=$!
until [ -s pid ]; do sleep 0.01; done
ab -q -n {count} https://127.0.0.1:8443/ > report
kill $server; wait $server
"""
REDIS = """
redis-server --port 0 --unixsocket $PWD/socket --save '' --daemonize no > log & server=$!
until [ -S socket ]; do sleep 0.01; done
redis-benchmark -s $PWD/socket -n {count} -t set,get -q > report
kill $server; wait $server
rm -f socket
"""
POSTGRES = """
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
[ $(id -u) != 0 ] || as="setpriv --reuid postgres --regid postgres --clear-groups"
[ -e data ] || LD_PRELOAD= $as $bin/initdb -D data -A trust -U postgres > log
$as $bin/postgres -D data -k $PWD -c listen_addresses= >> log 2>&1 & server=$!
until psql -h $PWD -U postgres -c 'select 1' > report 2>&1; do sleep 0.02; done
psql -h $PWD -U postgres -c 'select count(gen_random_uuid()) from generate_series(1, {count})' > report
kill $server; wait $server
"""
JAVA = """
cat > Draw.java <<EOF
public class Draw {
  public static void main(String[] words) {
    java.security.SecureRandom source = new java.security.SecureRandom();
    byte[] bytes = new byte[16];
    for (int i = 0; i < {count}; i++) source.nextBytes(bytes);
  }
}
EOF
[ -e Draw.class ] || LD_PRELOAD= javac Draw.java
java -Xshare:auto Draw
"""
GO = """
cat > draw.go <<EOF
package main
import "crypto/rand"
func main() { bytes := make([]byte, 16); for i := 0; i < {count}; i++ { rand.Read(bytes) } }
EOF
[ -e draw ] || HOME=$PWD GOFLAGS=-mod=mod LD_PRELOAD= go build -o draw draw.go
./draw
"""
CURL = """
[ -e key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout key \\
  -out cert 2>&1
LD_PRELOAD= openssl s_server -quiet -www -accept 127.0.0.1:8444 -key key -cert cert > log 2>&1 & server=$!
until curl -sk https://127.0.0.1:8444/ > page; do sleep 0.01; done
for i in $(seq {count}); do curl -sk https://127.0.0.1:8444/ > page; done
kill $server; wait $server || :
"""

GAIN_PROGRAMS = (
    *(program for program in PROGRAMS if program.command[0] != "ssh-keygen"),
    Program(
        "ssh-keygen -t ed25519",
        ("sh", "-c", "rm -f key key.pub; ssh-keygen -q -t ed25519 -N '' -f key"),
        0,
        "OpenSSL's own generator, and a few system calls",
    ),
    Program(
        "Python: {count} secrets.token_hex(32)",
        (sys.executable, "-c", "import secrets\nfor _ in range({count}): secrets.token_hex(32)"),
        60_000,
        "os.urandom(32) each",
    ),
    Program(
        "Python: {count} MB by os.urandom",
        (sys.executable, "-c", "import os\nfor _ in range({count}): os.urandom(1 << 20)"),
        60,
        "os.urandom of 1 MiB each",
    ),
    Program(
        "Python: {count} random.SystemRandom().random()",
        (
            sys.executable,
            "-c",
            "import random\nsource = random.SystemRandom()\nfor _ in range({count}): source.random()",
        ),
        100_000,
        "os.urandom(7) each",
    ),
    Program(
        "PHP: {count} random_int(1, 6)",
        ("php", "-n", "-r", "for ($i = 0; $i < {count}; $i++) random_int(1, 6);"),
        200_000,
        "a getrandom of 8 bytes each",
    ),
    Program(
        "PHP: {count} mt_rand(1, 6)",
        ("php", "-n", "-r", "for ($i = 0; $i < {count}; $i++) mt_rand(1, 6);"),
        3_000_000,
        "its own generator, seeded once",
    ),
    Program(
        "bash: {count} $RANDOM",
        ("bash", "-c", "for ((i = 0; i < {count}; i++)); do : $RANDOM; done"),
        60_000,
        "its own generator",
    ),
    Program("perl: {count} rand", ("perl", "-e", "rand for 1 .. {count}"), 3_000_000, "its own generator, seeded once"),
    Program(
        "sort -R of {count} lines",
        ("sh", "-c", "[ -e numbers ] || seq {count} > numbers; sort -R numbers > sorted"),
        30_000,
        "a key of 16 bytes, once",
    ),
    Program(
        "gpg --gen-random 1, {count} bytes",
        ("sh", "-c", "gpg --homedir . -q --gen-random 1 {count} > random"),
        2_000_000,
        "its own generator, seeded once",
    ),
    Program(
        "sh: {count} uuidgen",
        ("sh", "-c", "for i in $(seq {count}); do uuidgen -r > uuid; done"),
        100,
        "one getrandom each; the rest is starting programs",
    ),
    Program(
        "curl: {count} pages by TLS", ("sh", "-c", CURL), 30, "OpenSSL's own generator, a seed each; the rest is TLS"
    ),
    Program(
        "nginx: {count} TLS connections with a request id",
        ("sh", "-c", NGINX),
        300,
        "OpenSSL's own generator, and three a connection",
    ),
    Program("redis: {count} set and get", ("sh", "-c", REDIS), 30_000, "its own generator, seeded from /dev/urandom"),
    Program("PostgreSQL: {count} gen_random_uuid()", ("sh", "-c", POSTGRES), 300_000, "OpenSSL's own generator"),
    Program(
        "Java: {count} SecureRandom.nextBytes(16)",
        ("sh", "-c", JAVA),
        100_000,
        "reads /dev/urandom, mixed with its own generator",
    ),
    Program("Go: {count} rand.Read(16 bytes)", ("sh", "-c", GO), 200_000, "system calls of its own"),
)


def installed(program: Program) -> bool:
    """Whether the program, and what its script starts, is here."""
    started = {"nginx": "ab", "redis": "redis-benchmark", "PostgreSQL": "psql", "Java": "javac", "Go": "go"}
    name = program.name.split(":")[0].split()[0]
    inner = started.get(name, name) if program.command[0] == "sh" else program.command[0]
    return all(shutil.which(one) for one in (program.command[0], inner))

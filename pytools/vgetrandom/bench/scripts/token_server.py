"""A server that hands out a session token a request, and one client that asks for COUNT of them over loopback."""

from __future__ import annotations

import secrets
import socket
import sys
import threading


def serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        for name in stream:
            stream.write(b"%s; session=%s\n" % (name.strip(), secrets.token_urlsafe(32).encode()))
            stream.flush()


def main() -> None:
    count = int(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        with socket.create_connection(listener.getsockname()) as connection, connection.makefile("rwb") as stream:
            for number in range(count):
                stream.write(b"user%d\n" % number)
                stream.flush()
                stream.readline()
        server.join()


main()

"""How the MCP server listens."""

import socket

from controllers.server import http


def test_answers_are_sent_at_once() -> None:
    with http._listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

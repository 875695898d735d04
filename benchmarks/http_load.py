"""
`python -m benchmarks.http_load PORT CONNECTIONS SECONDS`: the request on stdin, again and again, by
kept connections, each with one under way. Prints `{"answers": ..., "seconds": ..., "ms": [...]}`.

A process of its own, with nothing in it but the sockets: some 10 us of a processor for each answer, a
tenth of what a server takes. `{key}` in the request is another number each time.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MOST_TIMES = 2000
"""So many times of answers are told, evenly taken."""


def main() -> None:
    port, count, span_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    before, key, after = sys.stdin.buffer.read().partition(b"{key}")
    poll = select.epoll()
    peers: dict[int, socket.socket] = {}
    begun: dict[int, int] = {}
    got: dict[int, bytes] = {}
    taken: list[int] = []
    asked = 0

    def ask(fd: int) -> None:
        nonlocal asked
        asked += 1
        begun[fd] = time.perf_counter_ns()
        peers[fd].send(b"%b%d%b" % (before, asked, after) if key else before)

    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peers[peer.fileno()] = peer
        poll.register(peer, select.EPOLLIN)
        ask(peer.fileno())
    first = time.perf_counter_ns()
    until = first + int(1e9 * span_s)
    while time.perf_counter_ns() < until:
        for fd, _ in poll.poll(1):
            data = got.pop(fd, b"") + peers[fd].recv(1 << 18)
            if not _is_whole(data):
                got[fd] = data
                continue
            taken.append(time.perf_counter_ns() - begun[fd])
            ask(fd)
    seconds = (time.perf_counter_ns() - first) / 1e9
    some = taken[:: max(1, len(taken) // MOST_TIMES)]
    told = {"answers": len(taken), "seconds": seconds, "ms": [each / 1e6 for each in some]}
    print(json.dumps(told))


def _is_whole(data: bytes) -> bool:
    """Whether *data* is a whole answer. Raises `ValueError` where it is no good one."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 20"):
        raise ValueError(data[:1000])
    length = LENGTH.search(head)
    if length is None:
        raise ValueError(head)
    return len(body) == int(length[1])


if __name__ == "__main__":
    main()

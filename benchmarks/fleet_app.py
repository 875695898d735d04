"""
`python -m benchmarks.fleet_app WAY WIDTH CONFIG KEY PORT USER HOST...`: a library's run of `true` on
hosts, *WIDTH* at once. Prints the seconds from the first connection to the last host's end.
"""

from __future__ import annotations

import asyncio
import sys
import time

READY, OVER, GONE = b"ready\n", b"over\n", b"gone\n"
SHELL = "exec /bin/sh -c 'echo ready; read order; true; echo over; read word; echo gone'"
"""Says that it is there, takes an order, tells the end, and is told that it was heard."""


def with_asyncssh(way: str, width: int, config: str, hosts: list[str]) -> float:
    """Connect to each host, and do there what *way* says."""
    import asyncssh

    asyncssh.set_log_level("WARNING")

    async def minimal(connection: asyncssh.SSHClientConnection) -> None:
        done = await connection.run("true")
        assert done.exit_status == 0, done

    async def same(connection: asyncssh.SSHClientConnection) -> None:
        process = await connection.create_process(SHELL, encoding=None)
        assert await process.stdout.readline() == READY
        process.stdin.write(b"order\n")
        assert await process.stdout.readline() == OVER
        process.stdin.write(b"heard\n")
        assert await process.stdout.readline() == GONE
        await process.wait_closed()

    work = {"minimal": minimal, "same": same}[way]

    async def on_all() -> None:
        turns = asyncio.Semaphore(width)

        async def on(host: str) -> None:
            async with turns, asyncssh.connect(host, config=[config], agent_path=None) as there:
                await work(there)

        await asyncio.gather(*map(on, hosts))

    begun = time.perf_counter()
    asyncio.run(on_all())
    return time.perf_counter() - begun


def with_pssh(width: int, key: str, port: int, user: str, hosts: list[str]) -> float:
    """Have parallel-ssh do it all."""
    from pssh.clients import ParallelSSHClient

    begun = time.perf_counter()
    client = ParallelSSHClient(hosts, user=user, port=port, pkey=key, pool_size=width)
    outputs = client.run_command("true")
    client.join(outputs)
    taken = time.perf_counter() - begun
    assert all(output.exit_code == 0 for output in outputs), outputs
    return taken


def main() -> None:
    """Print how long it took."""
    way, width, config, key, port, user, *hosts = sys.argv[1:]
    if way == "pssh":
        taken = with_pssh(int(width), key, int(port), user, hosts)
    else:
        taken = with_asyncssh(way, int(width), config, hosts)
    print(taken)


if __name__ == "__main__":
    main()

"""
An SSH server that is no sshd, in a folder with a farm's keys: what a host asks for as its command
says how it misbehaves. Prints its port.
"""

from __future__ import annotations

import asyncio
import sys

import asyncssh


class Server(asyncssh.SSHServer):
    """Hangs up on who asks for anything."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def session_requested(self) -> bool:
        self._connection.abort()
        return False


async def serve(process: asyncssh.SSHServerProcess[str]) -> None:
    process.stdout.write("up\n")
    if process.command == "weird":
        process.exit_with_signal("WEIRD")
        return
    while process.command != "without a word":
        try:
            await process.stdin.read(1)
            await asyncio.sleep(0.01)
        except asyncssh.SignalReceived as received:
            if process.command != "deaf":
                process.stdout.write(f"told {received.signal}\n")
                process.exit(3)
                return
    process.channel.close()


async def main(folder: str) -> None:
    server = await asyncssh.listen(
        "127.0.0.2",
        0,
        server_host_keys=[f"{folder}/host"],
        authorized_client_keys=f"{folder}/user.pub",
        **({"server_factory": Server} if "hangs-up" in sys.argv else {"process_factory": serve}),
    )
    sys.stdout.write(f"{server.get_port()}\n")
    sys.stdout.flush()
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

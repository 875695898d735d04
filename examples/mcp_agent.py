"""
An agent's host, at its smallest: start `outlast mcp`, call one tool, print the answer, be gone.

    python mcp_agent.py job_run '{"command": "./build.sh", "wait_seconds": 5}'
    python mcp_agent.py --patience 3 job_run '{"command": "./build.sh"}'

Like every host, it cuts a call that takes too long: after 60 s, or its patience. What it hears before that goes
to stderr. Ends with 0, or with 1 where the answer is an error, or has not come.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError


async def main(tool: str, arguments: str, patience: float) -> int:
    """Call a tool with its arguments in JSON."""

    async def hear(_step: float, _of: float | None, line: str | None) -> None:
        print(f"... {line}", file=sys.stderr)

    server = StdioServerParameters(command="outlast", args=["mcp"], env=dict(os.environ))
    async with Client(stdio_client(server)) as client:
        try:
            answer = await client.call_tool(
                tool,
                json.loads(arguments),
                read_timeout_seconds=patience,
                progress_callback=hear,
            )
        except MCPError as error:
            print(f"the host gave up: {error}", file=sys.stderr)
            return 1
    for part in answer.content:
        print(part.text)
    return 1 if answer.is_error else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("arguments", nargs="?", default="{}")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.tool, given.arguments, given.patience)))

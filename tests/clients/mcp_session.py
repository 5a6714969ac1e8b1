"""Calls tools of an MCP server: started with the server's own Python, which has the `mcp` library.

It is given the server's command, and reads a call as JSON from each line of its input; each is answered by a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(command: list[str]) -> None:
    server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            answer = await session.call_tool(call["tool"], call["arguments"])
            said = " ".join(getattr(part, "text", "") for part in answer.content)
            # A tool that promises no shape answers in text.
            good = answer.structuredContent or {"result": json.loads(said) if said.startswith(("{", "[")) else said}
            print(json.dumps({"error": said} if answer.isError else good), flush=True)


asyncio.run(main(sys.argv[1:]))

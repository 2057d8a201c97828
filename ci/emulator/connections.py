"""Gap: hypercorn hides a request's connection. Here it is kept by client address, so that it can be reset."""

from __future__ import annotations

import socket
import struct
from asyncio import StreamWriter
from typing import Any

import hypercorn.asyncio.run
from hypercorn.asyncio.tcp_server import TCPServer

_writers: dict[tuple[str, int], StreamWriter] = {}


class _KnownConnection(TCPServer):
    """A connection that can be found while it is served."""

    async def run(self) -> None:
        """Serve the connection."""
        peer = self.writer.get_extra_info("peername")
        _writers[peer] = self.writer
        try:
            await super().run()
        finally:
            _writers.pop(peer, None)


def install() -> None:
    """Let hypercorn serve connections that can be found."""
    run: Any = hypercorn.asyncio.run
    run.TCPServer = _KnownConnection


def reset(client: tuple[str, int]) -> None:
    """Reset a client's connection (TCP RST), what is in flight on it included."""
    writer = _writers.get(client)
    if writer is None:
        return
    # Lingering for zero seconds turns the close into a reset.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

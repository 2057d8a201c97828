"""Serve the embedded AWS: MiniStack with what it lacks, one process on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from typing import Any

LOOPBACK = "127.0.0.1"
ORPHAN_CHECK_SECONDS = 1.0


class PortInUseError(RuntimeError):
    """The port asked for is taken by another process."""


def listen(port: int) -> socket.socket:
    """Take a port on 127.0.0.1 (0: any free one) and listen on it.

    Raises
    ------
    PortInUseError
        Something else listens on it.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((LOOPBACK, port))
        sock.listen()
    except OSError as error:
        sock.close()
        raise PortInUseError(
            f"Port {port} on {LOOPBACK} can't be used ({error.strerror}). Stop what listens there "
            f"(`lsof -i :{port}` shows it), or choose another port with --port."
        ) from error
    return sock


def serve(sock: socket.socket, parent: int | None = None) -> None:
    """Serve the emulator in this process until SIGTERM or SIGINT; does not return.

    Parameters
    ----------
    sock
        Listens on 127.0.0.1.
    parent
        Process that has started this one, and whose end also ends it.
    """
    _set_environment(sock.getsockname()[1])
    asyncio.run(_serve(sock, parent))


def _set_environment(port: int) -> None:
    """Make this process, and the functions that inherit its environment, know no AWS but this one."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the emulator accepts any
        AWS_ENDPOINT_URL=f"http://{LOOPBACK}:{port}",
        BIND_HOST=LOOPBACK,
        GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        # A socket that isn't there: MiniStack then leaves the machine's Docker alone.
        DOCKER_HOST="unix:///nonexistent/docker.sock",
    )


async def _serve(sock: socket.socket, parent: int | None) -> None:
    # What is imported here reads the environment.
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415

    from ci.emulator import lambda_workers, unpacked_code  # noqa: PLC0415

    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    # So long that clients close idle connections first: a request that met our close would get no answer.
    config.keep_alive_timeout = 3600
    config.graceful_timeout = 1

    stopping = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopping.set)
    server = asyncio.create_task(
        hypercorn_serve(_application(stopping), config, shutdown_trigger=stopping.wait)
    )
    stopped = asyncio.create_task(_stopped(stopping, parent))
    await asyncio.wait((server, stopped), return_when=asyncio.FIRST_COMPLETED)
    lambda_workers.stop_all()
    unpacked_code.remove()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server, 3)
    sys.stdout.flush()
    sys.stderr.flush()
    # MiniStack's pool threads may still wait for calls that no one will answer; nothing is left to save.
    os._exit(0)


def _application(stopping: asyncio.Event) -> Any:
    """MiniStack's ASGI application with every gap closed, faults and the control API in front of it."""
    from ci.emulator import fault_boundary, fault_control, gaps, ministack  # noqa: PLC0415
    from ci.emulator.control_api import ControlApi, route  # noqa: PLC0415
    from ci.emulator.faults import plan  # noqa: PLC0415

    gaps.install()
    fault_control.install(plan)
    route("GET", "/health", lambda _: {"status": "ok", "pid": os.getpid()})
    return ControlApi(fault_boundary.FaultBoundary(ministack.app.app, plan, stopping))


async def _stopped(stopping: asyncio.Event, parent: int | None) -> None:
    """Wait for the order to stop, or for the parent's end, which is one."""
    while not stopping.is_set() and parent in (None, os.getppid()):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), ORPHAN_CHECK_SECONDS)
    stopping.set()

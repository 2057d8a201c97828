"""Start, serve and stop the embedded AWS: MiniStack with what it lacks, one process on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ci.emulator.control import ControlClient

LOOPBACK = "127.0.0.1"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
ORPHAN_CHECK_SECONDS = 1.0

GAPS = (
    # Every module here closes one gap of MiniStack with its `install()`; remove a line when MiniStack does.
    "ci.emulator.connections",
    "ci.emulator.lambda_workers",
    "ci.emulator.unpacked_code",
    "ci.emulator.fault_hooks",
    "ci.emulator.ses.install",
    "ci.emulator.sns_redrive",
    "ci.emulator.secure_transport",
    "ci.emulator.unusable_keys",
    "ci.emulator.budget_spend",
    "ci.emulator.point_in_time_recovery",
    "ci.emulator.schedules",
    "ci.emulator.cost_allocation_tags",
    "ci.emulator.cloudformation.property_types",
    "ci.emulator.cloudformation.template_urls",
    "ci.emulator.cloudformation.table_settings",
    "ci.emulator.cloudformation.topic_settings",
    "ci.emulator.cloudformation.budgets",
    "ci.emulator.cloudformation.composite_alarms",
    "ci.emulator.cloudformation.metric_math_alarms",
    "ci.emulator.cloudformation.query_definitions",
    "ci.emulator.cloudformation.generated_names",
    "ci.emulator.cloudformation.nested_stacks",
    "ci.emulator.cloudformation.generated_secrets",
    "ci.emulator.cloudformation.change_set_conditions",
    "ci.emulator.cloudformation.nested_change_sets",
    "ci.emulator.cloudformation.replacement_rules",
    "ci.emulator.cloudformation.resource_imports",
    "ci.emulator.cloudformation.stack_deletions",
    "ci.emulator.cloudformation.stack_hierarchy",
    "ci.emulator.cloudformation.status_reasons",
    "ci.emulator.cloudwatch.alarms",
    "ci.emulator.cloudwatch.metric_data",
    "ci.emulator.cloudwatch.embedded_metrics",
    "ci.emulator.cloudwatch.function_metrics",
    "ci.emulator.cloudwatch.queue_metrics",
    "ci.emulator.cloudwatch.ses_metrics",
)


class PortInUseError(RuntimeError):
    """The port asked for is taken by another process."""


class StartError(RuntimeError):
    """The emulator's process ended, or stayed silent, before it was ready."""


@dataclass
class Emulator:
    """A running emulator.

    As a context manager it stops the process at the end; without, it lives on until `stop()` or SIGTERM.
    """

    port: int
    pid: int
    log_path: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint_url(self) -> str:
        """Where every AWS client and the control client connect to."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def control(self) -> ControlClient:
        """A client for the control API."""
        return ControlClient(self.endpoint_url)

    def stop(self) -> None:
        """End the process and, with it, the Lambda workers. Does nothing when it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while self._is_running():
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                deadline = float("inf")
            time.sleep(0.02)

    def _is_running(self) -> bool:
        if self._process:
            return self._process.poll() is None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    port: int | None,
    log_path: Path,
    environment: Mapping[str, str] | None = None,
    *,
    outlives_caller: bool = False,
) -> Emulator:
    """Start an emulator in a process of its own and wait until it answers.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; None takes any free one.
    log_path
        File that the emulator's log is appended to.
    environment
        Variables added to this process's own, such as ``{"AUTH": "true"}``.
    outlives_caller
        Whether it goes on when this process ends; else it ends then, however this process does.

    Raises
    ------
    PortInUseError
        Something else listens on the port.
    StartError
        The process ended or did not answer within a minute; the message has the end of its log.
    """
    if port is not None:
        listen(port).close()
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        ready_file = Path(folder) / "ready.json"
        command = [
            sys.executable,
            "-m",
            "ci.emulator",
            "--port",
            str(port or 0),
            "--ready-file",
            str(ready_file),
            *([] if outlives_caller else ["--parent", str(os.getpid())]),
        ]
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=Path(__file__).parents[2],
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise StartError(f"The emulator did not start. The end of {log_path}:\n{_tail(log_path)}")
            time.sleep(0.02)
        emulator = Emulator(json.loads(ready_file.read_text())["port"], process.pid, log_path, process)
    emulator.control.health()
    return emulator


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


def serve(port: int, ready_file: Path | None, parent: int | None = None) -> None:
    """Serve the emulator in this process until SIGTERM or SIGINT; does not return.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; 0 takes any free one.
    ready_file
        Written once requests are answered: JSON with `port` and `pid`.
    parent
        Process that has started this one, and whose end also ends it.
    """
    sock = listen(port)
    port = sock.getsockname()[1]
    _set_environment(port)
    asyncio.run(_serve(sock, ready_file, parent))


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


async def _serve(sock: socket.socket, ready_file: Path | None, parent: int | None) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415 - after the environment is set
    from hypercorn.config import Config  # noqa: PLC0415

    stopping = asyncio.Event()
    application = _announcing(build_application(stopping), sock, ready_file)
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)

    orphaned = asyncio.create_task(_stop_when_orphaned(parent, stopping)) if parent else None

    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    server = asyncio.create_task(hypercorn_serve(application, config, shutdown_trigger=stopping.wait))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait((server, stopped), return_when=asyncio.FIRST_COMPLETED)
    if orphaned:
        orphaned.cancel()
    _stop_workers()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server, 3)
    sys.stdout.flush()
    sys.stderr.flush()
    # MiniStack's pool threads may still wait for calls that no one will answer; nothing is left to save.
    os._exit(0)


async def _stop_when_orphaned(parent: int, stopping: asyncio.Event) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(ORPHAN_CHECK_SECONDS)
    stopping.set()


def build_application(stopping: asyncio.Event) -> Any:
    """MiniStack's ASGI application with every gap closed, faults and the control API in front of it."""
    from ci.emulator import fault_boundary, fault_control, ministack  # noqa: PLC0415
    from ci.emulator.control_api import ControlApi, route  # noqa: PLC0415
    from ci.emulator.faults import plan  # noqa: PLC0415

    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)
    for gap in GAPS:
        importlib.import_module(gap).install()
    fault_control.install(plan)
    route("GET", "/health", lambda _: {"status": "ok", "pid": os.getpid()})
    return ControlApi(fault_boundary.FaultBoundary(ministack.app.app, plan, stopping))


def _announcing(application: Any, sock: socket.socket, ready_file: Path | None) -> Any:
    """Wrap the application so that the ready file appears once MiniStack's own start is complete."""

    async def announce(scope: Any, receive: Any, send: Any) -> None:
        async def send_and_announce(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete" and ready_file:
                draft = ready_file.with_suffix(".part")
                draft.write_text(json.dumps({"port": sock.getsockname()[1], "pid": os.getpid()}))
                draft.rename(ready_file)

        await application(scope, receive, send_and_announce if scope["type"] == "lifespan" else send)

    return announce


def _stop_workers() -> None:
    from ci.emulator import lambda_workers, unpacked_code  # noqa: PLC0415 - imports MiniStack

    lambda_workers.stop_all()
    unpacked_code.remove()


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

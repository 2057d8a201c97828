"""Gap: which Lambda worker a request comes from, and an end to all of them.

MiniStack runs a function in subprocesses ("workers") that share one set of credentials. Here each worker gets
a session of its own, as each execution environment does in Lambda, so that a request's security token tells
its worker: faults choose callers by it, and kill them.
"""

from __future__ import annotations

import contextvars
import os
import secrets
import signal
import threading
from dataclasses import dataclass
from typing import Any

from ci.emulator.ministack import lambda_runtime, sts

_spawning: contextvars.ContextVar[Any] = contextvars.ContextVar("spawning", default=None)
_lock = threading.Lock()
_workers: dict[str, Any] = {}
_closed = False


@dataclass(frozen=True)
class Caller:
    """A function's worker process: the function's and its role's names, and the process id."""

    function: str
    role: str
    pid: int

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash of the execution environment would."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def install() -> None:
    """Give every worker its own session token, and refuse new workers once the emulator stops."""
    plain_spawn = lambda_runtime.Worker._spawn
    plain_credentials = lambda_runtime.execution_credentials

    def spawn(worker: Any) -> None:
        if _closed:
            raise RuntimeError("The emulator is stopping: no new worker is started.")
        token = _spawning.set(worker)
        try:
            plain_spawn(worker)
        finally:
            _spawning.reset(token)

    def credentials(config: dict[str, Any]) -> dict[str, str]:
        shared = plain_credentials(config)
        worker = _spawning.get()
        return shared if worker is None else _own_session(worker, shared)

    lambda_runtime.Worker._spawn = spawn
    lambda_runtime.execution_credentials = credentials


def _own_session(worker: Any, shared: dict[str, str]) -> dict[str, str]:
    session_token = secrets.token_hex(32)
    own = {**shared, "AWS_SESSION_TOKEN": session_token}
    session = sts._sessions.get(shared["AWS_ACCESS_KEY_ID"])
    if session is not None:  # Only with AUTH=true, where the credentials are checked.
        own["AWS_ACCESS_KEY_ID"] = f"ASIA{secrets.token_hex(8).upper()}"
        sts.register_session(own["AWS_ACCESS_KEY_ID"], {**session, "SessionToken": session_token})
    with _lock:
        for stale in [token for token, other in _workers.items() if other is worker]:
            del _workers[stale]
        _workers[session_token] = worker
    return own


def caller(session_token: str) -> Caller | None:
    """Return the worker that was given this security token, or None."""
    with _lock:
        worker = _workers.get(session_token)
    process = worker._proc if worker else None
    return _caller(worker, process) if worker and process else None


def busy(function: str) -> list[Caller]:
    """Return the workers of a function that have an invocation under way, the oldest first."""
    with _lock:
        workers = list(_workers.values())
    found = [(worker, worker._proc) for worker in workers if worker.func_name == function and worker.in_use]
    return [_caller(worker, process) for worker, process in found if process and process.poll() is None]


def _caller(worker: Any, process: Any) -> Caller:
    return Caller(worker.func_name, worker.config.get("Role", "").rpartition("/")[2], process.pid)


def stop_all() -> None:
    """Kill every worker and let no new one start."""
    global _closed  # noqa: PLW0603 - the process ends with it
    _closed = True
    with _lock:
        workers = list(_workers.values())
    for worker in workers:
        if process := worker._proc:
            process.kill()
    lambda_runtime.reset()

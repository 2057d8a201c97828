"""The emulator as `notify` sees it: a process that answers HTTP on this machine. Only a checkout has it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ops.errors import CheckoutMissingError, EmulatorError
from ops.tree import IS_CHECKOUT, PROJECT

LOOPBACK = "127.0.0.1"
PORT_TAKEN = 3
"""Exit code of `python -m ci.emulator`."""

ANSWER_SECONDS = 10.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1


class PortTakenError(EmulatorError):
    """Something else listens on the port."""


@dataclass(frozen=True)
class Emulator:
    """A process that was started as an emulator."""

    port: int
    pid: int

    @property
    def endpoint_url(self) -> str:
        """Where AWS clients connect to."""
        return f"http://{LOOPBACK}:{self.port}"

    def is_running(self) -> bool:
        """Whether it is there, if only silent. The system gives its port and its id to others in time."""
        try:
            return pid_at(self.port) == self.pid
        except TimeoutError:
            return _lives(self.pid)

    def accepted(self) -> list[dict[str, Any]]:
        """All emails that SES accepted, the oldest first."""
        return list(_get(self.port, "/accepted"))

    def stop(self) -> None:
        """End it, and wait until its port is free. Does nothing when it has ended already."""
        if not self.is_running():
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if not _is_open(self.port):
                    return
                time.sleep(POLL_SECONDS)


def require() -> None:
    """Make sure that an emulator can be started here.

    Raises
    ------
    CheckoutMissingError
        It is not installed.
    """
    if not IS_CHECKOUT or find_spec("ministack") is None:
        raise CheckoutMissingError("The emulator")


def start(port: int | None, log: Path) -> Emulator:
    """Start an emulator that outlives this process, and wait until it answers.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; None takes any free one.
    log
        File that its log is appended to.

    Raises
    ------
    PortTakenError
        Something else listens on the port.
    CheckoutMissingError
        It is not installed.
    EmulatorError
        It did not start.
    """
    require()
    options = ["--background", "--port", str(port or 0), "--log", str(log)]
    done = subprocess.run(
        [sys.executable, "-m", "ci.emulator", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == PORT_TAKEN:
        raise PortTakenError(done.stderr.strip(), f"Choose another one, such as --port {(port or 0) + 1}.")
    if done.returncode:
        raise EmulatorError(done.stderr.strip(), f"The whole log is in {log}.")
    ready = json.loads(done.stdout)
    return Emulator(ready["port"], ready["pid"])


def pid_at(port: int) -> int | None:
    """The process id of the emulator, of whichever working tree, on a port; None if there is none.

    Raises
    ------
    TimeoutError
        Whatever listens there is silent.
    """
    try:
        answer = _get(port, "/health")
    except EmulatorError:
        return None
    return answer.get("pid") if isinstance(answer, dict) else None


def _get(port: int, path: str) -> Any:
    """Answer of the emulator's control API, which ci/emulator/README.md documents.

    Raises
    ------
    TimeoutError
        It is silent.
    EmulatorError
        Nothing listens there, or something else does.
    """
    # http.client knows no proxies: loopback is never behind one.
    connection = HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/_emulator{path}")
        with connection.getresponse() as response:
            if response.status == HTTPStatus.OK:
                return json.load(response)
            problem: object = f"status {response.status}"
    except TimeoutError:
        raise
    except (OSError, ValueError, HTTPException) as error:
        problem = error
    finally:
        connection.close()
    raise EmulatorError(
        f"No emulator answers on port {port}: {problem}.", "Run `notify local down`, then `notify local up`."
    )


def _is_open(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        return isinstance(error, TimeoutError)
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True

"""The emulator in a process of its own: started, and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ci.emulator.control import ControlClient
from ci.emulator.server import LOOPBACK, listen

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
LOG_LINES = 20


class StartError(RuntimeError):
    """The emulator's process ended, or stayed silent, before it was ready."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    As a context manager it is stopped at the end; without, it lives on until `stop()` or SIGTERM.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1.
    process
        What serves it; None if that is not this process's to stop.
    """

    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(
        cls,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        *,
        port: int = 0,
        outlives_caller: bool = False,
    ) -> Self:
        """Start an emulator and wait until it answers.

        Parameters
        ----------
        log_path
            File that the emulator's log is appended to.
        environment
            Variables added to this process's own, such as ``{"AUTH": "true"}``.
        port
            TCP port on 127.0.0.1; 0 takes any free one.
        outlives_caller
            Whether it goes on when this process ends; else it ends then, however this process does.

        Raises
        ------
        PortInUseError
            Something else listens on the port.
        StartError
            The process ended or did not answer within a minute; the message has the end of its log.
        """
        parent = [] if outlives_caller else ["--parent", str(os.getpid())]
        with listen(port) as sock, log_path.open("ab") as log:
            emulator = cls(
                sock.getsockname()[1],
                subprocess.Popen(
                    [sys.executable, "-m", "ci.emulator", "--socket", str(sock.fileno()), *parent],
                    cwd=Path(__file__).parents[2],
                    env={**os.environ, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[sock.fileno()],
                    start_new_session=True,
                ),
            )
        try:
            # The port is open already: a request waits until it is served, and fails when the process ends.
            ControlClient(emulator.endpoint_url, START_TIMEOUT_SECONDS).health()
        except OSError as error:
            emulator.stop()
            end = "\n".join(log_path.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise StartError(f"The emulator did not start. The end of {log_path}:\n{end}") from error
        return emulator

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
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

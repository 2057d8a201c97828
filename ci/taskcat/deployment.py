"""Stacks of one test in several regions, made and deleted by taskcat, for as long as a `with` block runs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ci.taskcat import environment, staging
from ci.taskcat.target import Target
from ops.errors import DeploymentError

PROGRAM = Path(__file__).with_name("stacks.py")
LOG = staging.FOLDER / "taskcat.log"


@dataclass
class Stack:
    """A stack as CloudFormation last told of it.

    Parameters
    ----------
    seconds
        Time until it had this status, since it was asked for or told to go.
    """

    region: str
    name: str
    id: str
    status: str
    reason: str
    seconds: float
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether it stands."""
        return self.status == "CREATE_COMPLETE"

    @property
    def was_accepted(self) -> bool:
        """Whether CloudFormation took the request to create it; else there is nothing to delete."""
        return not self.id.endswith("/FailedToLaunch")


@contextmanager
def deployed(target: Target, test: str, regions: Sequence[str]) -> Iterator[dict[str, Stack]]:
    """Create the stacks of what is staged; delete them at the end, whatever happens.

    Yields them by region once none is under way. That one could not be created is for the caller to see.

    Raises
    ------
    DeploymentError
        taskcat has ended before that.
    """
    options = ["--poll-seconds", str(target.poll_seconds), *(["--loopback-only"] if target.control else [])]
    command = [environment.python(), "-I", "-W", "ignore", PROGRAM, staging.PROJECT_FOLDER, test, *regions]
    with (
        LOG.open("a") as said,
        subprocess.Popen(
            [*map(str, command), *options],
            cwd=staging.PROJECT_FOLDER,
            env=target.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        stacks: dict[str, Stack] = {}
        try:
            if not _follow(process, stacks):
                raise DeploymentError(f"taskcat has not deployed {test}.", f"Its own words are in {LOG}.")
            yield stacks
        finally:
            if process.stdin:
                process.stdin.close()
            while _follow(process, stacks):
                pass


def _follow(process: subprocess.Popen[str], stacks: dict[str, Stack]) -> bool:
    """Take note of what is said until all stacks are held, then return True; False: it said no more."""
    begin = time.monotonic()
    for line in process.stdout or ():
        said = json.loads(line)
        if said.get("held"):
            return True
        stacks[said["region"]] = Stack(**said, seconds=time.monotonic() - begin)
    return False

"""The emulator on this machine and the system deployed on it: start, find again, stop."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from ops import aws, emulator
from ops.aws import Aws
from ops.deploying import deployment, environments, stacks, templates
from ops.deploying.environments import Target
from ops.emulator import Emulator, PortTakenError
from ops.errors import EmulatorError, StackMissingError
from ops.output import Progress
from ops.tree import PROJECT

FOLDER = PROJECT / ".local"
STACK_NAME = "email-notifications-local"
DEFAULT_PORT = 4566


class LocalEnvironment:
    """A running emulator and what is deployed on it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    @property
    def endpoint_url(self) -> str:
        """Where the emulator listens."""
        return self.emulator.endpoint_url

    @cached_property
    def aws(self) -> Aws:
        """Clients that reach the emulator only."""
        return aws.local(self.endpoint_url)

    def outputs(self) -> dict[str, str]:
        """Outputs of the root stack.

        Raises
        ------
        StackMissingError
            It is not deployed, or not completely.
        """
        stack = stacks.find_stack(self.aws.cloudformation, STACK_NAME)
        found = stacks.outputs_of(stack)
        if not found:
            status = stack["StackStatus"] if stack else "not there"
            raise StackMissingError(f"Stack {STACK_NAME} is {status}.", "Run `notify local up` to deploy it.")
        return found

    def status(self) -> dict[str, Any]:
        """Tell how it is, in the stable form of `notify local status --json`."""
        stack = stacks.find_stack(self.aws.cloudformation, STACK_NAME)
        urls = [url for name, url in stacks.outputs_of(stack).items() if name.endswith("QueueUrl")]
        return {
            "running": True,
            "endpoint": self.endpoint_url,
            "port": self.emulator.port,
            "pid": self.emulator.pid,
            "log": str(_log_path()),
            "stack": {"name": STACK_NAME, "status": stack["StackStatus"] if stack else None},
            "queues": {url.rsplit("/", 1)[-1]: self.queue_depth(url) for url in sorted(urls)},
            "mails_accepted": len(self.emulator.accepted()),
        }

    def queue_depth(self, queue_url: str) -> dict[str, int]:
        """Messages in a queue: waiting, being handled, and delayed."""
        counts = self.aws.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
        return {
            "waiting": int(counts["ApproximateNumberOfMessages"]),
            "in_flight": int(counts["ApproximateNumberOfMessagesNotVisible"]),
            "delayed": int(counts["ApproximateNumberOfMessagesDelayed"]),
        }

    def down(self) -> None:
        """Stop the emulator; with it everything that was deployed is gone."""
        self.emulator.stop()
        _state_path().unlink(missing_ok=True)


NOT_RUNNING: dict[str, Any] = {
    "running": False,
    "endpoint": None,
    "port": None,
    "pid": None,
    "log": None,
    "stack": {"name": STACK_NAME, "status": None},
    "queues": {},
    "mails_accepted": 0,
}
"""The form of `LocalEnvironment.status` when there is no emulator."""


def find() -> LocalEnvironment | None:
    """Find the emulator that an earlier command started. The note of one that is gone is removed."""
    try:
        state = json.loads(_state_path().read_text())
        found = Emulator(state["port"], state["pid"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError):
        found = None
    if found is None or not found.is_running():
        _state_path().unlink(missing_ok=True)
        return None
    return LocalEnvironment(found)


def get() -> LocalEnvironment:
    """Like `find`, for commands that need it.

    Raises
    ------
    EmulatorError
        No emulator runs.
    """
    was_started = _state_path().exists()
    environment = find()
    if environment is None:
        ended = f"The local emulator has ended without `notify local down`; its log is {_log_path()}."
        raise EmulatorError(
            ended if was_started else "The local emulator is not running.", "Start it with `notify local up`."
        )
    return environment


def up(port: int | None, progress: Progress, *, any_free_port: bool = False) -> LocalEnvironment:
    """Make the system run on this machine as the working tree has it: start the emulator, build, deploy.

    Running already, it is brought up to date.

    Parameters
    ----------
    port
        Where the emulator is to listen; None means where it does, or else the default port.
    any_free_port
        Whether another port will do when that one is taken.

    Raises
    ------
    EmulatorError
        The emulator cannot start, or not on that port.
    DeploymentError
        CloudFormation could not deploy the stack.
    """
    was_started = _state_path().exists()
    environment = find()
    if was_started and environment is None:
        progress.done("the emulator started earlier has ended: starting a new one", "!")
    if environment and _is_beyond_update(environment):
        progress.done("the last deployment left the stack beyond an update: starting over", "!")
        environment.down()
        environment = None
    if environment is None:
        environment = _start(port or DEFAULT_PORT, progress, any_free_port=any_free_port)
    elif port not in (None, environment.emulator.port):
        raise EmulatorError(
            f"The emulator is running already, on port {environment.emulator.port}.",
            "Leave out --port, or stop it with `notify local down` first.",
        )
    else:
        progress.done(f"emulator is running at {environment.endpoint_url}")
    here = Target(environments.get(environments.LOCAL), environment.aws)
    deployment.deploy(here, templates.ROOT, deployment.Operator(), progress)
    return environment


def _start(port: int, progress: Progress, *, any_free_port: bool) -> LocalEnvironment:
    emulator.require()
    FOLDER.mkdir(exist_ok=True)
    _log_path().unlink(missing_ok=True)
    with progress.doing("starting the emulator"):
        try:
            started = emulator.start(port, _log_path())
        except PortTakenError as error:
            if not any_free_port:
                raise _port_taken(port) from error
            started = emulator.start(None, _log_path())
    # Another command never reads half of it.
    draft = _state_path().with_suffix(".part")
    state = {"pid": started.pid, "port": started.port, "endpoint": started.endpoint_url}
    draft.write_text(json.dumps(state, indent=2) + "\n")
    draft.rename(_state_path())
    progress.done(f"emulator started at {started.endpoint_url} (process {started.pid}, log {_log_path()})")
    return LocalEnvironment(started)


def _port_taken(port: int) -> EmulatorError:
    try:
        is_emulator = emulator.pid_at(port) is not None
    except TimeoutError:
        is_emulator = False
    another = f"`notify local up --port {port + 1}`"
    if is_emulator:
        return EmulatorError(
            f"Port {port} is taken by an emulator of another working tree, or one that was started by hand.",
            f"Stop it there with `notify local down`, or choose another: {another}.",
        )
    return EmulatorError(f"Port {port} is taken by another program.", f"Choose another one: {another}.")


def _is_beyond_update(environment: LocalEnvironment) -> bool:
    stack = stacks.find_stack(environment.aws.cloudformation, STACK_NAME)
    if stack is None or stack["StackStatus"].endswith("_IN_PROGRESS"):
        return False
    return stack["StackStatus"] not in stacks.UPDATABLE


def _state_path() -> Path:
    return FOLDER / "state.json"


def _log_path() -> Path:
    return FOLDER / "emulator.log"

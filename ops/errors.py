"""What can go wrong for an operator. Each error says what happened and what to do next."""

from __future__ import annotations


class OpsError(Exception):
    """An expected failure, shown without a traceback.

    Parameters
    ----------
    what
        What went wrong, with the value that was wrong.
    next_step
        What the operator does now.
    """

    exit_code = 3

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what} {next_step}")
        self.what = what
        self.next_step = next_step


class InputError(OpsError):
    """What the operator handed over cannot be used."""

    exit_code = 2


class UnsafeEndpointError(OpsError):
    """A local command was pointed at something other than this machine."""


class EmulatorError(OpsError):
    """The local emulator is not there, cannot start or does not answer."""


class StackMissingError(OpsError):
    """The stack that a command needs is not deployed."""


class DeploymentError(OpsError):
    """CloudFormation did not bring a stack into the wanted state."""

"""What can go wrong for an operator. Each error says what happened and what to do next."""

from __future__ import annotations

import sys

SIGN_IN = "Sign in, for example with `aws sso login`, and choose a profile with AWS_PROFILE."
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")


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


class RefusedError(OpsError):
    """The answer is no: what was asked for is not to be done as things are."""

    exit_code = 1


class UnsafeEndpointError(OpsError):
    """A local command was pointed at something other than this machine."""


class EmulatorError(OpsError):
    """The local emulator is not there, cannot start or does not answer."""


class StackMissingError(OpsError):
    """The stack that a command needs is not deployed."""


class DeploymentError(OpsError):
    """CloudFormation did not bring a stack into the wanted state."""


class CheckoutMissingError(OpsError):
    """Something needs the sources, or what only `make setup` installs."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs a checkout: make setup", "Then run it there, with `uv run notify`.")


class BuildError(OpsError):
    """A release cannot be built here."""


class OwnershipError(OpsError):
    """An environment would get a second owner: root and stacks that stand alone."""


def explained(error: Exception) -> OpsError | None:
    """Say of an error of AWS or of a connection what went wrong and what to do; None of any other."""
    match error:
        case OpsError():
            return error
        case TimeoutError():
            return _no_emulator(error)
    # Whoever has raised an error of botocore has imported it; for others it is not worth its half second.
    return _explained_of_aws(error) if "botocore" in sys.modules else None


def _explained_of_aws(error: Exception) -> OpsError | None:
    from botocore import exceptions as aws  # noqa: PLC0415

    match error:
        case (
            aws.NoCredentialsError()
            | aws.TokenRetrievalError()
            | aws.CredentialRetrievalError()
            | aws.ProfileNotFound()
        ):
            return OpsError(f"There are no AWS credentials: {error}.", SIGN_IN)
        case aws.ClientError() if error.response["Error"]["Code"] in EXPIRED:
            return OpsError(f"The AWS credentials are not valid: {error}.", SIGN_IN)
        case aws.ClientError() if "AccessDenied" in error.response["Error"]["Code"]:
            return OpsError(f"A right is missing: {error}.", "Ask for it, or choose another AWS_PROFILE.")
        case aws.ClientError():
            return OpsError(f"A request was refused: {error}.", "See how it stands with `notify status`.")
        case aws.BotoCoreError() if "://127." in str(error) or "://[::1]" in str(error):
            return _no_emulator(error)
        case aws.BotoCoreError():
            return OpsError(f"AWS does not answer: {error}.", "Check the network and the region, try again.")
    return None


def _no_emulator(error: Exception) -> EmulatorError:
    return EmulatorError(
        f"The local emulator does not answer ({error}).",
        "Run `notify local down`, then `notify local up`.",
    )

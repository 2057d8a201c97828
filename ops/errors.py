"""What can go wrong for an operator. Each error says what happened and what to do next."""

from __future__ import annotations

from urllib.error import URLError

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

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


class OwnershipError(OpsError):
    """An environment would get a second owner: root and stacks that stand alone."""


def explained(error: Exception) -> OpsError:
    """Say of an error of AWS or of a connection what went wrong and what to do."""
    match error:
        case OpsError():
            return error
        case NoCredentialsError() | TokenRetrievalError() | CredentialRetrievalError() | ProfileNotFound():
            return OpsError(f"There are no AWS credentials: {error}.", SIGN_IN)
        case ClientError() if error.response["Error"]["Code"] in EXPIRED:
            return OpsError(f"The AWS credentials are not valid: {error}.", SIGN_IN)
        case ClientError() if "AccessDenied" in error.response["Error"]["Code"]:
            return OpsError(f"A right is missing: {error}.", "Ask for it, or choose another AWS_PROFILE.")
        case BotoCoreError() if "://127." not in str(error) and "://[::1]" not in str(error):
            return OpsError(f"AWS does not answer: {error}.", "Check the network and the region, try again.")
        case BotoCoreError() | URLError() | ConnectionError() | TimeoutError():
            return EmulatorError(
                f"The local emulator does not answer ({error}).",
                "Run `notify local down`, then `notify local up`.",
            )
    return OpsError(f"A request was refused: {error}.", "See what is there with `notify local status`.")

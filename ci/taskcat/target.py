"""Where the stacks go: an emulator of their own, or the account of the caller's credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from ci.emulator.control import ControlClient
from ci.emulator.process import Emulator
from ops import aws
from ops.aws import Aws
from ops.errors import InputError
from ops.release.dependencies import Target as ArtifactTarget

CREDENTIALS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
"""Variables that choose an account."""


@dataclass(frozen=True)
class Target:
    """One account, through clients in any region.

    Parameters
    ----------
    environment
        The environment of taskcat's process: the same account, by keys.
    artifact
        Which build runs there.
    control
        The emulator's control API; None on AWS.
    poll_seconds
        Time between two looks at something under way.
    patience_seconds
        How long something may be under way before it counts as failed.
    """

    name: str
    account: str
    session: boto3.Session
    client_options: dict[str, Any]
    environment: dict[str, str]
    artifact: ArtifactTarget
    control: ControlClient | None
    poll_seconds: float
    patience_seconds: float

    @property
    def is_disposable(self) -> bool:
        """Whether nothing in it is worth keeping."""
        return self.control is not None

    def aws(self, region: str) -> Aws:
        """Clients of a region."""
        return Aws(region, self.session, {**self.client_options, "region_name": region})

    def client(self, service: str, region: str) -> Any:
        """Make a client of any service in a region."""
        return self.aws(region).client(service)


@contextmanager
def emulator(log_path: Path) -> Iterator[Target]:
    """Start an emulator on which functions may do what their roles allow, and stop it at the end."""
    with Emulator.start(log_path, {"AUTH": "true"}) as running:
        local = aws.local(running.endpoint_url)
        kept = {name: value for name, value in os.environ.items() if not names_another_place(name)}
        yield Target(
            name="Emulator",
            account="000000000000",
            session=local.session,
            client_options=local.client_options,
            environment={**kept, **_keys(local.session), "AWS_ENDPOINT_URL": running.endpoint_url},
            artifact="local",
            control=running.control,
            poll_seconds=0.3,
            patience_seconds=120,
        )


def caller() -> Target:
    """Use the caller's own credentials, found as the AWS CLI finds them.

    Raises
    ------
    InputError
        There are none.
    """
    session = boto3.Session()
    keys = _keys(session)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    sts = session.client("sts", region_name=session.region_name or "us-east-1")
    return Target(
        name=f"AWS as played by {endpoint}" if endpoint else "AWS",
        account=sts.get_caller_identity()["Account"],
        session=session,
        client_options={},
        environment={
            **{name: value for name, value in os.environ.items() if name not in CREDENTIALS},
            **keys,
        },
        artifact="aws",
        control=None,
        poll_seconds=5,
        patience_seconds=600,
    )


def names_another_place(variable: str) -> bool:
    """Whether an environment variable could lead AWS clients away from the emulator."""
    return variable.startswith("AWS_") or variable.lower().endswith("_proxy")


def _keys(session: boto3.Session) -> dict[str, str]:
    """Variables by which a process has the session's account, and no other.

    taskcat asks for the profile `default`, which wins over AWS_PROFILE and over keys: it is to find none.
    """
    credentials = session.get_credentials()
    if credentials is None:
        raise InputError("There are no AWS credentials.", "Set AWS_PROFILE, or log in.")
    keys = credentials.get_frozen_credentials()
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": str(keys.access_key),
        "AWS_SECRET_ACCESS_KEY": str(keys.secret_key),
        **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
    }

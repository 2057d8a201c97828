"""The one place where AWS clients are made.

Local commands must not be able to touch a real account: their clients have dummy credentials and an explicit
loopback endpoint, and read neither environment variables nor configuration files. Commands for a real
account take credentials from the usual chain; AWS_ENDPOINT_URL turns them to an emulator or nowhere.
boto3 takes half a second to import: only what makes a client does so, and no command's help.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.errors import InputError, UnsafeEndpointError

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

LOCAL_REGION = "us-east-1"
LOCAL_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"


@dataclass(frozen=True)
class Aws:
    """Clients for one account and region, each made once and on first use."""

    region: str
    session: boto3.Session
    client_options: dict[str, Any]

    @property
    def is_emulator(self) -> bool:
        """Whether this is an emulator on this machine, not an account."""
        return "endpoint_url" in self.client_options

    def __str__(self) -> str:
        emulator = " (EMULATOR)" if self.is_emulator else ""
        return f"account {self.account}{emulator}, region {self.region}"

    @cached_property
    def account(self) -> str:
        """Account id of the credentials."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def client(self, service: str) -> Any:
        """A client for a service that is seldom needed."""
        return self.session.client(service, **self.client_options)  # type: ignore[call-overload]

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation."""
        return self.session.client("cloudformation", **self.client_options)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        return self.session.client("dynamodb", **self.client_options)

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return self.session.client("s3", **self.client_options)

    @cached_property
    def sns(self) -> SNSClient:
        """SNS."""
        return self.session.client("sns", **self.client_options)

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        return self.session.client("sqs", **self.client_options)


def connect(region: str | None) -> Aws:
    """Clients for the account that the usual chain of credentials leads to, or for an emulator.

    Parameters
    ----------
    region
        Name of the region; None means the one of the environment or the profile.

    Raises
    ------
    InputError
        There is no region.
    UnsafeEndpointError
        AWS_ENDPOINT_URL is set, and is not a literal loopback address.
    """
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    if endpoint_url := os.environ.get(ENDPOINT_VARIABLE):
        variables = ("AWS_REGION", "AWS_DEFAULT_REGION")
        of_environment = next((os.environ[name] for name in variables if os.environ.get(name)), LOCAL_REGION)
        return local(endpoint_url, region or of_environment)
    session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
    if session.region_name is None:
        raise InputError("No AWS region is set.", "Add --region, such as --region us-east-1.")
    return Aws(session.region_name, session, {"config": Config(retries={"mode": "standard"})})


def local(endpoint_url: str, region: str = LOCAL_REGION) -> Aws:
    """Clients for the emulator on this machine, and for nothing else.

    Raises
    ------
    UnsafeEndpointError
        The endpoint is anything but `http://` with a literal loopback address and a port.
    """
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    options = {
        "endpoint_url": loopback_endpoint(endpoint_url),
        "config": Config(
            proxies={},
            connect_timeout=2,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path"},
        ),
    }
    session = boto3.Session(botocore_session=_isolated_session(), region_name=region, **LOCAL_CREDENTIALS)
    return Aws(region, session, options)


def loopback_endpoint(endpoint_url: str) -> str:
    """Return the endpoint, rebuilt from its checked parts so that nothing unchecked is used.

    Host names are refused, `localhost` included: what a name resolves to is somebody else's decision.

    Raises
    ------
    UnsafeEndpointError
        The endpoint is anything but `http://` with a literal loopback address and a port.
    """
    try:
        parts = urlsplit(endpoint_url)
        address = ipaddress.ip_address(parts.hostname or "")
        port = parts.port
    except ValueError:
        raise _unsafe(endpoint_url) from None
    is_bare = "@" not in parts.netloc and parts.path in ("", "/") and not parts.query and not parts.fragment
    if not (parts.scheme == "http" and address.is_loopback and port and is_bare):
        raise _unsafe(endpoint_url)
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"  # noqa: PLR2004


def _unsafe(endpoint_url: str) -> UnsafeEndpointError:
    return UnsafeEndpointError(
        f"Local commands only talk to a loopback address (http://127.0.0.1:4566), not to {endpoint_url!r}.",
        "Start the emulator with `notify local up`; it notes its own endpoint.",
    )


def _isolated_session() -> botocore.session.Session:
    """Make a session in which every setting has its default, whatever the environment and the files say."""
    import botocore.session  # noqa: PLC0415
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES  # noqa: PLC0415

    defaults = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    no_file = (None, None, os.devnull, None)
    return botocore.session.Session(
        session_vars={**defaults, "config_file": no_file, "credentials_file": no_file},
    )

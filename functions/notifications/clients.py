"""AWS clients of the functions: made once per process, with time limits that fit into the function's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import get_session

from notifications.queues import BATCH_SIZE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_sesv2 import SESV2Client
    from types_boto3_sqs import SQSClient


class Clients:
    """Clients with time limits that are parts of the function's timeout (in brackets: of 60 s).

    botocore alone, without boto3 on top: a cold start takes 15 % less CPU time.

    Parameters
    ----------
    function_timeout_seconds
        The function's own timeout.
    """

    def __init__(self, function_timeout_seconds: int) -> None:
        self._session = get_session()
        self._timeout = function_timeout_seconds

    def dynamodb(self) -> DynamoDBClient:
        """Two attempts of at most 5 s: within a fifth of the function's timeout."""
        client: DynamoDBClient = self._client("dynamodb", connect=1 / 60, read=4 / 60, attempts=2)
        return client

    def sqs(self) -> SQSClient:
        """Two attempts of at most 5 s."""
        client: SQSClient = self._client("sqs", connect=1 / 60, read=4 / 60, attempts=2)
        return client

    def functions(self) -> LambdaClient:
        """Two attempts of at most 5 s, at Lambda itself."""
        client: LambdaClient = self._client("lambda", connect=1 / 60, read=4 / 60, attempts=2)
        return client

    def ses(self) -> SESV2Client:
        """One attempt of at most 12 s: a retry after a lost answer would be a second email."""
        client: SESV2Client = self._client("sesv2", connect=2 / 60, read=10 / 60, attempts=1)
        return client

    def _client(self, service: str, *, connect: float, read: float, attempts: int) -> Any:
        config = Config(
            connect_timeout=connect * self._timeout,
            read_timeout=read * self._timeout,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=BATCH_SIZE,
        )
        return self._session.create_client(service, config=config)

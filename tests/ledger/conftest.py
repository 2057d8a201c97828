"""The engines of DynamoDB in which the ledger is tried: the emulator's, and AWS's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ci.dynamodb_local import server as dynamodb_local
from ci.emulator.process import Emulator

MOST_WORKERS = 16
"""Calls that tests have under way at once."""


@pytest.fixture(scope="session", params=["emulator", "dynamodb-local"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an engine. It does not retry: what an engine answers is what a test sees."""
    log_path = tmp_path_factory.mktemp("engine") / f"{request.param}.log"
    if request.param == "emulator":
        with Emulator.start(log_path) as running:
            yield client_of(running.endpoint_url)
        return
    if missing := dynamodb_local.missing_commands():
        pytest.skip(
            f"DynamoDB Local needs a Java development kit and Maven; this machine lacks {', '.join(missing)}"
        )
    with dynamodb_local.running(log_path) as endpoint_url:
        yield client_of(endpoint_url)


def client_of(endpoint_url: str) -> Any:
    return boto3.Session().client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=MOST_WORKERS, retries={"total_max_attempts": 1}),
    )

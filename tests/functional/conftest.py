"""A ledger's table, played by moto."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from io import StringIO
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics
from moto import mock_aws

from notifications import telemetry
from tests.support.functions import Emitted, TestClients
from tests.support.ledger_table import create_ledger_table


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS is played by moto."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def client(moto: None) -> Any:
    return boto3.client("dynamodb", region_name="us-east-1")


@pytest.fixture
def table_name(client: Any) -> str:
    return create_ledger_table(client)


@pytest.fixture
def clients(client: Any, monkeypatch: pytest.MonkeyPatch) -> TestClients:
    """The functions' clients, of the same AWS as the ledger's table."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return TestClients()


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Emitted:
    """What the functions log and count from now on."""
    log = StringIO()
    monkeypatch.setattr(telemetry, "logger", Logger(service=uuid.uuid4().hex, level="INFO", stream=log))
    metrics = Metrics(namespace="tests", service="tests")
    metrics.clear_metrics()
    monkeypatch.setattr(telemetry, "metrics", metrics)
    return Emitted(log, capsys)

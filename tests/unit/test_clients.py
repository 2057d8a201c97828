"""How long the functions' calls may last: within the function's own time, and SES is asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from notifications.clients import Clients
from notifications.queues import BATCH_SIZE

TIMEOUT_SECONDS = 60


@pytest.mark.parametrize(
    ("make", "attempts", "seconds_at_most"),
    [
        (Clients.dynamodb, 2, TIMEOUT_SECONDS / 5),
        (Clients.sqs, 2, TIMEOUT_SECONDS / 5),
        (Clients.functions, 2, TIMEOUT_SECONDS / 5),
        (Clients.ses, 1, TIMEOUT_SECONDS / 5),
    ],
)
def test_call_ends_within_a_fifth_of_the_functions_time_however_often_it_is_tried(
    make: Callable[[Clients], Any], attempts: int, seconds_at_most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config = make(Clients(TIMEOUT_SECONDS)).meta.config
    assert config.retries["total_max_attempts"] == attempts
    assert attempts * (config.connect_timeout + config.read_timeout) <= seconds_at_most
    assert config.max_pool_connections == BATCH_SIZE

"""Keep to this container's share of the account's sending rate."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

BURST_SECONDS = 1.0
"""A pause of this length may be made up for at once. SES counts by the second and allows short bursts
(https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html)."""

QUOTA_LIFE_SECONDS = 3600.0
"""How long an answer of GetAccount is used; each container adds up to half as much again, so that they do not
all ask at once. SES raises quotas by itself, gradually."""


class Pacer:
    """Spaces sends evenly, with a burst of at most one second's worth.

    Parameters
    ----------
    rate_per_second
        Asked before each send.
    clock
        Seconds, monotonic.
    """

    def __init__(self, rate_per_second: Callable[[], float], clock: Callable[[], float]) -> None:
        self._rate_per_second = rate_per_second
        self._clock = clock
        self._next = 0.0
        self._lock = threading.Lock()

    def reserve(self, patience_seconds: float) -> float | None:
        """Take the next free place.

        Returns
        -------
        float or None
            Seconds to wait before sending, or None if that would be more than `patience_seconds`; no place is
            taken then.
        """
        interval = 1.0 / self._rate_per_second()
        with self._lock:
            now = self._clock()
            place = max(self._next, now - max(BURST_SECONDS - interval, 0.0))
            wait = max(place - now, 0.0)
            if wait > patience_seconds:
                return None
            self._next = place + interval
            return wait


class SesRate:
    """This container's share of the account's MaxSendRate, per second.

    MaxSendRate holds for the account and region; SES refuses what exceeds it. The service may use a part of
    it, and each of its containers that part divided by how many there may be.

    Parameters
    ----------
    share
        Part of MaxSendRate that one container may use, above 0 and at most 1.
    fallback_per_second
        Used instead of the account's rate while that can't be read.
    """

    def __init__(
        self,
        client: SESV2Client,
        share: float,
        fallback_per_second: float,
        clock: Callable[[], float],
        random_source: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._share = share
        self._fallback = fallback_per_second
        self._clock = clock
        self._random = random_source
        self._rate = fallback_per_second
        self._expires = float("-inf")
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Emails per second for this container."""
        with self._lock:
            if self._clock() >= self._expires:
                self._rate = self._account_rate()
                self._expires = self._clock() + QUOTA_LIFE_SECONDS * (1 + self._random() / 2)
            return self._rate * self._share

    def _account_rate(self) -> float:
        try:
            rate = self._client.get_account()["SendQuota"]["MaxSendRate"]
        except (BotoCoreError, ClientError, KeyError):
            return self._fallback
        return rate if rate > 0 else self._fallback

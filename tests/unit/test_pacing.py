"""Keeping to the sending rate."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from notifications.pacing import QUOTA_LIFE_SECONDS, Pacer, SesRate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Account:
    """Answers GetAccount."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self.calls = 0

    def get_account(self) -> dict[str, object]:
        self.calls += 1
        if self.rate is None:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "GetAccount")
        return {"SendQuota": {"MaxSendRate": self.rate}}


@given(rate=st.floats(0.2, 50), pauses=st.lists(st.floats(0, 3), min_size=2, max_size=60))
def test_sends_in_any_second_stay_within_the_rate_and_its_burst(rate: float, pauses: list[float]) -> None:
    clock, sends = Clock(), []
    pacer = Pacer(lambda: rate, clock)
    for pause in pauses:
        clock.now += pause
        wait = pacer.reserve(patience_seconds=1e9)
        assert wait is not None
        sends.append(clock.now + wait)
    for start in sends:
        window = [send for send in sends if start <= send < start + 1]
        assert len(window) <= 2 * rate + 2


def test_batch_goes_out_at_once_when_the_rate_allows_it() -> None:
    pacer = Pacer(lambda: 10.0, Clock())
    assert [pacer.reserve(60) for _ in range(10)] == pytest.approx([0.0] * 10)


def test_sends_are_spaced_evenly_when_the_burst_is_spent() -> None:
    pacer = Pacer(lambda: 2.0, Clock())
    assert [pacer.reserve(60) for _ in range(5)] == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.5])


def test_no_place_is_taken_when_the_wait_would_be_too_long() -> None:
    clock = Clock()
    pacer = Pacer(lambda: 1.0, clock)
    pacer.reserve(60)
    assert pacer.reserve(0.5) is None
    assert pacer.reserve(1.0) == pytest.approx(1.0)


def test_rate_is_the_containers_share_of_the_accounts() -> None:
    assert SesRate(Account(14.0), 0.8 / 5, 1.0, Clock())() == pytest.approx(14 * 0.8 / 5)  # type: ignore[arg-type]


def test_account_is_asked_again_only_when_the_answer_is_old() -> None:
    clock, account = Clock(), Account(14.0)
    rate = SesRate(account, 1.0, 1.0, clock, random_source=lambda: 0.0)  # type: ignore[arg-type]
    rate()
    clock.now += QUOTA_LIFE_SECONDS - 1
    rate()
    assert account.calls == 1
    clock.now += 1
    account.rate = 50.0
    assert rate() == 50.0


@pytest.mark.parametrize("unreadable", [None, -1.0, 0.0])
def test_fallback_is_used_while_the_accounts_rate_cannot_be_read(unreadable: float | None) -> None:
    rate = SesRate(Account(unreadable), 0.5, 4.0, Clock())  # type: ignore[arg-type]
    assert rate() == 2.0

"""When silence about an attempt is proof that SES does not have the message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from notifications.evidence import Doubt, Evidence, ResendAfterSilence, Sign

WINDOW_MS = 900_000
CLAIMED_MS = 10**9
CLEAR = Evidence("token", queues_empty=True)


def against(doubt: Doubt = Doubt.ANSWERED, **changes: object) -> str:
    evidence = replace(CLEAR, **changes)  # type: ignore[arg-type]
    return evidence.speaks_against(doubt, CLAIMED_MS, WINDOW_MS)


def test_nothing_speaks_against_an_answered_attempt_when_nothing_is_missing_around_it() -> None:
    assert against() == ""


def test_waiting_events_may_be_its_own() -> None:
    assert against(queues_empty=False) == "events wait in a feedback queue"


@pytest.mark.parametrize("sign", [Sign.AWAITED, Sign.DISCARDED])
@pytest.mark.parametrize("doubt", list(Doubt))
@pytest.mark.parametrize("at_ms", [CLAIMED_MS - WINDOW_MS, CLAIMED_MS, CLAIMED_MS + WINDOW_MS])
def test_event_that_is_missing_within_a_window_may_be_its_own(sign: Sign, doubt: Doubt, at_ms: int) -> None:
    heard = ((Sign.HEARD, CLAIMED_MS - 1), (Sign.HEARD, CLAIMED_MS + 1))
    assert against(doubt, signs=((sign, at_ms), *heard)) != ""


@pytest.mark.parametrize("sign", [Sign.AWAITED, Sign.DISCARDED])
@pytest.mark.parametrize("at_ms", [CLAIMED_MS - WINDOW_MS - 1, CLAIMED_MS + WINDOW_MS + 1])
def test_what_is_missing_elsewhere_says_nothing(sign: Sign, at_ms: int) -> None:
    assert against(signs=((sign, at_ms),)) == ""


@pytest.mark.parametrize(
    ("heard_ms", "missing"),
    [
        pytest.param((), "before", id="none"),
        pytest.param((CLAIMED_MS - 1,), "after", id="before-only"),
        pytest.param((CLAIMED_MS + 1,), "before", id="after-only"),
        pytest.param((CLAIMED_MS,), "before", id="at-the-same-moment"),
        pytest.param((CLAIMED_MS - 1, CLAIMED_MS + WINDOW_MS + 1), "after", id="too-late"),
        pytest.param((CLAIMED_MS - WINDOW_MS - 1, CLAIMED_MS + 1), "before", id="too-early"),
    ],
)
def test_unanswered_attempt_needs_events_of_emails_before_and_after_it(
    heard_ms: tuple[int, ...], missing: str
) -> None:
    signs = tuple((Sign.HEARD, at_ms) for at_ms in heard_ms)
    assert f"accepted {missing} it" in against(Doubt.UNANSWERED, signs=signs)


def test_nothing_speaks_against_an_unanswered_attempt_between_two_events() -> None:
    signs = ((Sign.HEARD, CLAIMED_MS - WINDOW_MS), (Sign.HEARD, CLAIMED_MS + WINDOW_MS))
    assert against(Doubt.UNANSWERED, signs=signs) == ""


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (ResendAfterSilence.ANSWERED, {Doubt.ANSWERED}),
        (ResendAfterSilence.ALL, {Doubt.ANSWERED, Doubt.UNANSWERED}),
        (ResendAfterSilence.NONE, set()),
    ],
)
def test_shop_decides_which_attempts_may_be_made_again(
    policy: ResendAfterSilence, allowed: set[Doubt]
) -> None:
    assert {doubt for doubt in Doubt if policy.allows(doubt)} == allowed

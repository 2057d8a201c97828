"""Settings of the functions."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from notifications.evidence import ResendAfterSilence
from notifications.settings import SendSettings, SettingsError

EXAMPLES = {"str": "text", "int": "7", "float": "7", "ResendAfterSilence": "all"}
COMPLETE = {field.name.upper(): EXAMPLES[str(field.type)] for field in fields(SendSettings)}


def test_settings_are_read_with_their_types() -> None:
    settings = SendSettings.from_environment(COMPLETE | {"SES_FALLBACK_RATE_PER_SECOND": "0.5"})
    assert (settings.maximum_event_age_hours, settings.ses_fallback_rate_per_second) == (7, 0.5)
    assert settings.resend_after_silence is ResendAfterSilence.ALL


def test_attempt_waits_for_a_person_after_both_times_together() -> None:
    settings = SendSettings.from_environment(COMPLETE | {"SETTLE_WINDOW_SECONDS": "900"})
    assert settings.undecided_after == timedelta(minutes=15 + 7)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    broken = COMPLETE | {
        "FROM_ADDRESS": "",
        "SETTLE_WINDOW_SECONDS": "soon",
        "RESEND_AFTER_SILENCE": "sometimes",
    }
    with pytest.raises(SettingsError) as error:
        SendSettings.from_environment(broken)
    assert "FROM_ADDRESS is not set" in str(error.value)
    assert "SETTLE_WINDOW_SECONDS is not a number" in str(error.value)
    assert "RESEND_AFTER_SILENCE is not one of answered, all, none" in str(error.value)

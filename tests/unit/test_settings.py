"""Settings of the functions."""

from __future__ import annotations

from dataclasses import fields

import pytest

from notifications.settings import SendSettings, SettingsError

COMPLETE = {field.name.upper(): "text" if field.type == "str" else "7" for field in fields(SendSettings)}


def test_settings_are_read_with_their_types() -> None:
    settings = SendSettings.from_environment(COMPLETE | {"SES_FALLBACK_RATE_PER_SECOND": "0.5"})
    assert (settings.maximum_event_age_hours, settings.ses_fallback_rate_per_second) == (7, 0.5)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    broken = COMPLETE | {"FROM_ADDRESS": "", "SETTLE_WINDOW_SECONDS": "soon"}
    with pytest.raises(
        SettingsError, match=r"SETTLE_WINDOW_SECONDS is not a number|FROM_ADDRESS is not set"
    ) as error:
        SendSettings.from_environment(broken)
    assert "FROM_ADDRESS" in str(error.value)
    assert "SETTLE_WINDOW_SECONDS" in str(error.value)

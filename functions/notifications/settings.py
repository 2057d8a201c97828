"""The functions' settings: environment variables that the templates set, read once and typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Self

from notifications.evidence import ResendAfterSilence, SettlingRules


class SettingsError(Exception):
    """The environment lacks settings or has unusable ones; the message names all of them."""


@dataclass(frozen=True)
class _FromEnvironment:
    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read each field from the variable of the same name in capitals.

        Raises
        ------
        SettingsError
            Naming every variable that is missing or unusable.
        """
        values: dict[str, Any] = {}
        problems = []
        for setting in fields(cls):
            name = setting.name.upper()
            text = environment.get(name, "")
            if not text:
                problems.append(f"{name} is not set")
                continue
            read, kind = _READERS[str(setting.type)]
            try:
                values[setting.name] = read(text)
            except ValueError:
                problems.append(f"{name} is not {kind}")
        if problems:
            raise SettingsError(f"{'; '.join(problems)}. The function's template in stacks/ sets them.")
        return cls(**values)


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "str": (str, "a text"),
    "int": (int, "a number"),
    "float": (float, "a number"),
    "ResendAfterSilence": (ResendAfterSilence, f"one of {', '.join(ResendAfterSilence)}"),
}
"""How a setting of each type is read, and what it has to be."""


@dataclass(frozen=True)
class SendSettings(_FromEnvironment):
    """Settings of `send_email`. Units are in the names."""

    ledger_table_name: str
    send_queue_url: str
    send_dead_letter_queue_url: str
    feedback_queue_url: str
    feedback_dead_letter_queue_url: str
    feedback_undelivered_queue_url: str
    configuration_set_name: str
    from_address: str
    recipient_hash_key: str
    maximum_event_age_hours: int
    record_retention_days: int
    settle_window_seconds: int
    decision_after_minutes: int
    resend_after_silence: ResendAfterSilence
    send_queue_max_receives: int
    send_maximum_concurrency: int
    ses_rate_share_percent: int
    ses_fallback_rate_per_second: float
    function_timeout_seconds: int

    @property
    def settling(self) -> SettlingRules:
        """What they decide about attempts in doubt."""
        return SettlingRules(
            self.settle_window_seconds * 1000, self.decision_after_minutes * 60_000, self.resend_after_silence
        )

    @property
    def undecided_after(self) -> timedelta:
        """How long after its `send_by` an attempt of unknown outcome waits for a person."""
        return timedelta(seconds=self.settle_window_seconds, minutes=self.decision_after_minutes)


@dataclass(frozen=True)
class TrackSettings(_FromEnvironment):
    """Settings of `track_delivery`."""

    ledger_table_name: str
    feedback_queue_url: str
    feedback_dead_letter_queue_url: str
    settle_window_seconds: int
    resend_after_silence: ResendAfterSilence
    function_timeout_seconds: int


@dataclass(frozen=True)
class GuardSettings(_FromEnvironment):
    """Settings of `guard_reputation`."""

    ledger_table_name: str
    send_email_mapping_id: str
    function_timeout_seconds: int


@dataclass(frozen=True)
class CheckSettings(_FromEnvironment):
    """Settings of `check_ledger`."""

    ledger_table_name: str
    settle_window_seconds: int
    decision_after_minutes: int
    function_timeout_seconds: int

    @property
    def undecided_after(self) -> timedelta:
        """As in `SendSettings`."""
        return timedelta(seconds=self.settle_window_seconds, minutes=self.decision_after_minutes)

"""The functions' settings: environment variables that the templates set, read once and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


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
            Naming every variable that is missing or is not a number where one is needed.
        """
        values: dict[str, Any] = {}
        problems = []
        for setting in fields(cls):
            name = setting.name.upper()
            text = environment.get(name, "")
            if not text:
                problems.append(f"{name} is not set")
            elif setting.type == "str":
                values[setting.name] = text
            else:
                try:
                    values[setting.name] = int(text) if setting.type == "int" else float(text)
                except ValueError:
                    problems.append(f"{name} is not a number")
        if problems:
            raise SettingsError(f"{'; '.join(problems)}. The function's template in stacks/ sets them.")
        return cls(**values)


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
    send_maximum_concurrency: int
    ses_rate_share_percent: int
    ses_fallback_rate_per_second: float
    function_timeout_seconds: int


@dataclass(frozen=True)
class TrackSettings(_FromEnvironment):
    """Settings of `track_delivery`."""

    ledger_table_name: str
    feedback_queue_url: str
    feedback_dead_letter_queue_url: str
    settle_window_seconds: int
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
    function_timeout_seconds: int

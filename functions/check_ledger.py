"""Lambda entry point: once a day, tell which notifications are overdue, and what became of the last days."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from notifications.applications.check_ledger import Application
from notifications.clients import Clients
from notifications.settings import CheckSettings

settings = CheckSettings.from_environment(os.environ)
application = Application(settings, Clients(settings.function_timeout_seconds))
"""Made when Lambda loads the module: that phase has a whole processor, an invocation its memory's share."""


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Called by the schedule, or by a person who wants to know now."""
    return {"overdue": application.check(datetime.now(UTC)).overdue}

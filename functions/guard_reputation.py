"""Lambda entry point: hold sending when bounces or complaints put the account at risk."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from notifications.applications.guard_reputation import Application
from notifications.clients import Clients
from notifications.settings import GuardSettings

settings = GuardSettings.from_environment(os.environ)
application = Application(settings, Clients(settings.function_timeout_seconds))
"""Made when Lambda loads the module: that phase has a whole processor, an invocation its memory's share."""


def handler(event: dict[str, Any], context: Any) -> dict[str, bool]:
    """Called by the alarm on reputation."""
    return {"held": application.handle(event, datetime.now(UTC))}

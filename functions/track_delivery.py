"""Lambda entry point: SES events from the feedback queue; each is recorded in the ledger."""

from __future__ import annotations

import os
from typing import Any

from notifications.applications.track_delivery import Application
from notifications.clients import Clients
from notifications.settings import TrackSettings

settings = TrackSettings.from_environment(os.environ)
application = Application(settings, Clients(settings.function_timeout_seconds))
"""Made when Lambda loads the module: that phase has a whole processor, an invocation its memory's share."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Called by Lambda with one batch of the feedback queue."""
    return application.handle(event)

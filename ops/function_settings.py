"""The settings with which the deployed functions run."""

from __future__ import annotations

from typing import Any

from notifications.settings import SendSettings, SettingsError
from ops.errors import OpsError
from ops.targets import Deployed


def send_settings(of: Deployed) -> SendSettings:
    """Read those of `send_email`.

    Raises
    ------
    OpsError
        They do not fit to this release.
    """
    name = of.outputs["SendEmailFunctionName"]
    deployed: dict[str, Any] = of.aws.client("lambda").get_function_configuration(FunctionName=name)
    try:
        return SendSettings.from_environment(deployed.get("Environment", {}).get("Variables", {}))
    except SettingsError as error:
        raise OpsError(
            f"The settings of {name} cannot be used: {error}",
            "Use the release of this tool that is deployed, and ask for the right to read its settings.",
        ) from error

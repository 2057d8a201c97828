"""``GenerateSecretString``: of the length and the characters that the template asks for.

MiniStack's GetRandomPassword takes all of its settings, but its resource handler only the length and
``ExcludeCharacters``.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
"""

import json
from typing import Any

from ci.emulator.cloudformation.properties import boolean, present, refuse_failure
from ci.emulator.ministack import provisioners, secretsmanager

_FLAGS = (
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "RequireEachIncludedType",
)


def install() -> None:
    """Generate through GetRandomPassword, as the service does."""
    provisioners._sm_secret_string = _secret_string


def _secret_string(properties: dict[str, Any]) -> str:
    """Return the value that the template sets or has generated; empty when it does neither."""
    settings = properties.get("GenerateSecretString")
    if settings is None:
        return str(properties.get("SecretString", ""))
    password = _password(settings)
    if settings.get("SecretStringTemplate") is None:
        return password
    return json.dumps(
        json.loads(settings["SecretStringTemplate"]) | {settings["GenerateStringKey"]: password}
    )


def _password(settings: dict[str, Any]) -> str:
    request: dict[str, Any] = present(settings, ["ExcludeCharacters"])
    request |= {name: boolean(value, default=False) for name, value in present(settings, _FLAGS).items()}
    if settings.get("PasswordLength") is not None:
        request["PasswordLength"] = int(settings["PasswordLength"])
    response = secretsmanager._get_random_password(request)
    refuse_failure("AWS::SecretsManager::Secret", response)
    return str(json.loads(response[2])["RandomPassword"])

"""What GetEmailIdentity says of an identity.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html
"""

from __future__ import annotations

from typing import Any

from ci.emulator.ses.errors import SesError
from ci.emulator.ses.settings import SesSettings


def describe(settings: SesSettings, name: str) -> dict[str, Any]:
    """Return the answer for an identity: as of a well-kept domain, but for what the settings say otherwise.

    An identity is there if it is verified, or the settings have details of it.

    Raises
    ------
    SesError
        There is no such identity.
    """
    listed, details = settings.verified_identities, settings.identity_details.get(name)
    is_verified = listed is None or name in listed
    if not is_verified and details is None:
        raise SesError("NotFoundException", f"Email identity {name} does not exist.")
    domain = name.rpartition("@")[2]
    rejects = domain in settings.mail_from_failed_domains
    answer: dict[str, Any] = {
        "IdentityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
        "FeedbackForwardingStatus": True,
        "VerifiedForSendingStatus": is_verified,
        "VerificationStatus": "SUCCESS" if is_verified else "PENDING",
        "DkimAttributes": {
            "SigningEnabled": True,
            "Status": "SUCCESS" if is_verified else "PENDING",
            "Tokens": [f"token{number}" for number in (1, 2, 3)],
            "SigningAttributesOrigin": "AWS_SES",
        },
        "MailFromAttributes": {
            "MailFromDomain": f"bounce.{domain}",
            "MailFromDomainStatus": "FAILED" if rejects else "SUCCESS",
            "BehaviorOnMxFailure": "REJECT_MESSAGE" if rejects else "USE_DEFAULT_VALUE",
        },
    }
    for part, differing in (details or {}).items():
        answer[part] = {**answer[part], **differing} if isinstance(differing, dict) else differing
    return answer

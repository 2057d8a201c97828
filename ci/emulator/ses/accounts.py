"""SES as one account has it in one region: settings, quota and suppression list."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ci.emulator.ministack import responses
from ci.emulator.ses.addresses import bare_address, domain_of
from ci.emulator.ses.quota import SendQuota
from ci.emulator.ses.settings import SesSettings
from ci.emulator.ses.suppression import SuppressionList

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


@dataclass
class SesAccount:
    """One account's SES in one region; identities, quotas and lists are each region's own."""

    account: str
    region: str
    settings: SesSettings = field(default_factory=SesSettings)
    quota: SendQuota = field(default_factory=lambda: SendQuota(time.time))
    suppressed: SuppressionList = field(default_factory=SuppressionList)

    def identity_of(self, address: str) -> str:
        """Return the identity that an address is sent by: itself if it is one, else its domain.

        https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
        """
        bare = bare_address(address)
        listed = self.settings.verified_identities or []
        return bare if bare in listed else domain_of(address)

    def is_verified(self, address: str) -> bool:
        """Whether an address, its domain or a domain above that is a verified identity."""
        listed = self.settings.verified_identities
        if listed is None:
            return True
        labels = domain_of(address).split(".")
        covering = {".".join(labels[start:]) for start in range(len(labels))}
        return bare_address(address) in listed or any(identity.lower() in covering for identity in listed)

    def identity_arn(self, address: str) -> str:
        """Return the ARN of the identity that an address is sent by."""
        return f"arn:aws:ses:{self.region}:{self.account}:identity/{self.identity_of(address)}"


_lock = threading.Lock()
_accounts: dict[tuple[str, str], SesAccount] = {}


def of(account: str, region: str) -> SesAccount:
    """Return an account's SES in a region."""
    with _lock:
        return _accounts.setdefault((account, region), SesAccount(account, region))


def current() -> SesAccount:
    """Return the SES of the account and region that the request under way is for."""
    return of(responses.get_account_id(), responses.get_region())


def reset() -> None:
    """Put every account back to a new one."""
    with _lock:
        _accounts.clear()

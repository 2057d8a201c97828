"""What SES lacks: identity, DKIM, MAIL FROM, DMARC, sandbox, quotas, suppression list, plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops import cost
from ops.cost import DAYS_A_MONTH
from ops.preflight.findings import Facts, Finding, Severity, Unseen
from ops.smoke_orders import EMAILS, OBJECTIVE_SECONDS

MUST, SHOULD, UNKNOWN, OK = Severity.MUST, Severity.SHOULD, Severity.UNKNOWN, Severity.OK

PLANS = {"NONE": "a-la-carte", "ESSENTIALS": "essentials", "PRO": "pro"}
"""SES's plans as ops/prices.yaml calls them:
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PricingAttributes.html"""

WORTH_USD = 1.0
"""A month: less is not worth a change of plan."""

ENFORCED = {"PROBATION": SHOULD, "SHUTDOWN": MUST}


def identity(facts: Facts) -> Iterator[Finding]:
    """Whether the identity is verified, and FromAddress belongs to it."""
    name, address = facts.parameters["FromIdentity"], facts.parameters["FromAddress"]
    if not belongs(address, name):
        yield Finding(
            MUST,
            "from address",
            f"FromAddress {address} does not belong to FromIdentity {name}.",
            f"Correct either in parameters/{facts.environment}.yaml.",
        )
    match facts.identity:
        case Unseen() as unseen:
            yield unseen.finding("identity")
        case None:
            yield Finding(
                MUST,
                "identity",
                f"{name} is no SES identity in {facts.region}.",
                f"aws sesv2 create-email-identity --email-identity {name} --region {facts.region}; "
                "then publish the DNS records that it answers.",
            )
        case found if not found.get("VerifiedForSendingStatus"):
            why = found.get("VerificationInfo", {}).get("ErrorType")
            yield Finding(
                MUST,
                "identity",
                f"{name} is not verified ({found.get('VerificationStatus', 'PENDING')}{_aside(why)}).",
                dns_remedy(found, name) if "@" not in name else "Open the link that SES has sent there.",
            )
        case _:
            yield Finding(OK, "identity", f"{name} is verified.")


def dkim(facts: Facts) -> Iterator[Finding]:
    """Whether emails are signed: without, mailbox providers refuse them or take them for spam.

    An address is signed for by its domain's identity, which cannot be told from here.
    """
    match facts.identity:
        case None | Unseen():
            return
        case found:
            attributes, name = found.get("DkimAttributes", {}), facts.parameters["FromIdentity"]
            status = attributes.get("Status", "NOT_STARTED")
            severity = SHOULD if "@" in name else MUST
            if not attributes.get("SigningEnabled"):
                yield Finding(
                    severity,
                    "DKIM",
                    f"Signing is off for {name}.",
                    f"aws sesv2 put-email-identity-dkim-attributes --email-identity {name} --signing-enabled "
                    f"--region {facts.region}",
                )
            elif status != "SUCCESS":
                yield Finding(
                    severity, "DKIM", f"{name} is not signed for: {status}.", dns_remedy(found, name)
                )
            else:
                yield Finding(OK, "DKIM", f"Emails of {name} are signed.")


def mail_from(facts: Facts) -> Iterator[Finding]:
    """Whether bounces return to a domain of ours, so that SPF agrees with the sender too."""
    match facts.identity:
        case None | Unseen():
            return
        case found:
            attributes, name = found.get("MailFromAttributes", {}), facts.parameters["FromIdentity"]
            domain, status = attributes.get("MailFromDomain"), attributes.get("MailFromDomainStatus")
            records = (
                f"MX 10 feedback-smtp.{facts.region}.amazonses.com and "
                'TXT "v=spf1 include:amazonses.com ~all"'
            )
            if not domain:
                yield Finding(
                    SHOULD,
                    "MAIL FROM",
                    f"{name} has no MAIL FROM domain of its own: SPF passes for amazonses.com only.",
                    f"aws sesv2 put-email-identity-mail-from-attributes --email-identity {name} "
                    f"--mail-from-domain bounce.{name.rpartition('@')[2]} --region {facts.region}; "
                    f"in its DNS: {records}.",
                )
            elif status != "SUCCESS":
                rejects = attributes.get("BehaviorOnMxFailure") == "REJECT_MESSAGE"
                yield Finding(
                    MUST if rejects else SHOULD,
                    "MAIL FROM",
                    f"{domain} is {status or 'PENDING'}: SES "
                    + ("refuses to send." if rejects else "uses amazonses.com instead."),
                    f"In the DNS of {domain}: {records}.",
                )
            else:
                yield Finding(OK, "MAIL FROM", f"Bounces return to {domain}.")


def dmarc(facts: Facts) -> Iterator[Finding]:
    """Whether the sender's domain has a DMARC policy; large mailbox providers ask for one."""
    domain = facts.parameters["FromAddress"].rpartition("@")[2]
    match facts.dmarc:
        case Unseen() as unseen:
            by_hand = f"By hand: `dig +short TXT _dmarc.{domain}` (or of a domain above) shows v=DMARC1."
            yield unseen.finding("DMARC", by_hand)
        case None:
            yield Finding(
                SHOULD,
                "DMARC",
                f"Neither {domain} nor a domain above it has a DMARC record.",
                f'In its DNS: _dmarc.{domain} TXT "v=DMARC1; p=none; rua=mailto:…"; stricter later.',
            )
        case record:
            yield Finding(OK, "DMARC", f"{record}")


def sandbox(facts: Facts) -> Iterator[Finding]:
    """Whether the account may write to anybody, and may send at all."""
    if isinstance(facts.ses, Unseen):
        yield facts.ses.finding("SES account")
        return
    if not facts.ses.get("ProductionAccessEnabled"):
        yield Finding(
            facts.for_customers,
            "sandbox",
            f"SES is in the sandbox in {facts.region}: only verified addresses and the simulator get emails.",
            "Console: SES, Account dashboard, Request production access; or aws sesv2 put-account-details "
            f"--production-access-enabled … --region {facts.region}. AWS answers within a day.",
        )
    else:
        yield Finding(OK, "sandbox", "SES has production access.")
    enforced = str(facts.ses.get("EnforcementStatus", "HEALTHY"))
    if enforced in ENFORCED:
        yield Finding(
            ENFORCED[enforced],
            "SES review",
            f"SES has the account under review: {enforced}.",
            "Console: SES, Reputation metrics, says why; answer the support case.",
        )
    if not facts.ses.get("SendingEnabled"):
        yield Finding(
            MUST,
            "sending",
            "Sending is paused for the account.",
            f"Once the cause is gone: aws sesv2 put-account-sending-attributes --sending-enabled "
            f"--region {facts.region}",
        )
    else:
        yield Finding(OK, "sending", "The account may send.")


def quotas(facts: Facts) -> Iterator[Finding]:
    """Whether rate and daily quota suffice for what ops/preflight/volumes.yaml expects.

    However few that are, those that `notify smoke` sends at once should be accepted within the objective, all
    by one container, which keeps to its part of the rate.
    """
    if isinstance(facts.ses, Unseen):
        return
    quota, volume = facts.ses["SendQuota"], facts.volume
    share = float(facts.parameters["SesRateSharePercent"])
    per_day, rate = quota["Max24HourSend"], quota["MaxSendRate"]
    usable = rate * share / 100
    at_once = (EMAILS - 1) / OBJECTIVE_SECONDS * int(facts.parameters["SendMaximumConcurrency"])
    most = max(volume.spike_per_second, at_once)
    remedy = (
        "Console: Service Quotas, Amazon SES, Sending quota and Sending rate, Request increase; "
        "what is expected is in ops/preflight/volumes.yaml."
    )
    yield Finding(
        _short_of(per_day, volume.emails_per_day, volume.spike_per_day),
        "daily quota",
        f"SES takes {_number(per_day)} emails in 24 hours; expected are {volume.emails_per_day:,} a day, "
        f"{_number(volume.spike_per_day)} in a spike.",
        remedy if per_day < volume.spike_per_day and per_day >= 0 else "",
    )
    yield Finding(
        _short_of(usable, volume.per_second, most),
        "sending rate",
        f"SES takes {rate:g} emails a second, {usable:g} of them from here (SesRateSharePercent {share:g}); "
        f"expected are {volume.per_second:.2g}, {volume.spike_per_second:.2g} in a spike; with "
        f"{most:.2g} a few that come at once take {OBJECTIVE_SECONDS:g} s at most.",
        remedy if usable < most else "",
    )
    fallback = float(facts.parameters["SesFallbackRatePerSecond"])
    if fallback > rate:
        yield Finding(
            SHOULD,
            "fallback rate",
            f"SesFallbackRatePerSecond {fallback:g} is above the account's rate, {rate:g} a second: while "
            "that cannot be read, SES would throttle.",
            f"Lower it in parameters/{facts.environment}.yaml, or have the rate raised.",
        )


def suppression(facts: Facts) -> Iterator[Finding]:
    """Whether the account stops writing to addresses that bounced or complained."""
    if isinstance(facts.ses, Unseen):
        return
    reasons = facts.ses.get("SuppressionAttributes", {}).get("SuppressedReasons", [])
    if missing := [reason for reason in ("BOUNCE", "COMPLAINT") if reason not in reasons]:
        yield Finding(
            SHOULD,
            "suppression list",
            f"The account does not suppress after {' and '.join(missing)}. This service's configuration set "
            "does; the account's other senders go on, and its reputation is shared.",
            "aws sesv2 put-account-suppression-attributes --suppressed-reasons BOUNCE COMPLAINT "
            f"--region {facts.region}",
        )
    else:
        yield Finding(OK, "suppression list", "Addresses that bounce or complain are suppressed.")


def plan(facts: Facts) -> Iterator[Finding]:
    """Which plan SES bills, what it costs at the expected volume, and whether another is cheaper."""
    if isinstance(facts.ses, Unseen):
        return
    table = cost.prices()["ses_plans"]
    monthly = facts.volume.emails_per_day * DAYS_A_MONTH
    current = str(facts.ses.get("PricingAttributes", {}).get("CurrentPlan", ""))
    known = PLANS.get(current)
    if known is None:
        default = cost.plans()[0]
        yield Finding(
            UNKNOWN,
            "SES plan",
            f"{f'Plan {current} is not in ops/prices.yaml' if current else 'SES does not tell the plan'}; "
            f"`notify cost` assumes {default}, ${_per_1000(table[default]):.2f} per 1,000 emails.",
            "Console: SES, Account dashboard, Pricing plan.",
        )
        return
    price = cost.ses_cost(monthly, table[known])
    cheapest = min(table, key=lambda name: cost.ses_cost(monthly, table[name]))
    saved = price - cost.ses_cost(monthly, table[cheapest])
    says = (
        f"The plan is {known}, ${_per_1000(table[known]):.2f} per 1,000 emails: "
        f"${price:.2f} a month as expected"
    )
    if saved >= WORTH_USD:
        yield Finding(
            SHOULD,
            "SES plan",
            f"{says}; {cheapest} would save ${saved:.2f}.",
            f"If nobody uses what {known} includes: aws sesv2 put-account-pricing-attributes --plan "
            f"{next(name for name, ours in PLANS.items() if ours == cheapest)} --region {facts.region}",
        )
    else:
        yield Finding(OK, "SES plan", f"{says}.")


def belongs(address: str, identity_name: str) -> bool:
    """Whether an address is an identity, or is of its domain or of one below that."""
    domain, name = address.rpartition("@")[2].lower(), identity_name.lower()
    return name in (address.lower(), domain) or domain.endswith(f".{name}")


def dns_remedy(found: Mapping[str, Any], name: str) -> str:
    """The CNAME records that verify a domain and let SES sign for it.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
    """
    attributes = found.get("DkimAttributes", {})
    domain, zone = name.rpartition("@")[2], attributes.get("SigningHostedZone", "dkim.amazonses.com")
    tokens = attributes.get("Tokens", [])
    if not tokens:
        return f"Console: SES, Identities, {name}, Authentication, shows the DNS records to publish."
    return "In its DNS: " + "; ".join(f"{token}._domainkey.{domain} CNAME {token}.{zone}" for token in tokens)


def _per_1000(plan_prices: Mapping[str, Any]) -> float:
    return float(plan_prices["per_1000_emails"][0]["price"])


def _short_of(quota: float, ordinary: float, spike: float) -> Severity:
    """A quota of -1 is none: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendQuota.html."""
    if quota < 0 or quota >= spike:
        return OK
    return MUST if quota < ordinary else SHOULD


def _number(value: float) -> str:
    return "any number of" if value < 0 else f"{value:,.0f}"


def _aside(text: str | None) -> str:
    return f", {text}" if text else ""

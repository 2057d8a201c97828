"""What `notify preflight` says of an account, from what is known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ops.deploying.environments import load_settings
from ops.preflight import checks
from ops.preflight.account import PENDING
from ops.preflight.dns import read
from ops.preflight.facts import needs, volume
from ops.preflight.findings import Facts, Finding, Severity, Unseen
from ops.preflight.ses import belongs
from ops.tree import PARAMETERS

MUST, SHOULD, UNKNOWN, OK = Severity.MUST, Severity.SHOULD, Severity.UNKNOWN, Severity.OK
ACCOUNT = "111111111111"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:email-notifications-prod-alerts"
PROD = load_settings(PARAMETERS / "prod.yaml")

IDENTITY: dict[str, Any] = {
    "VerifiedForSendingStatus": True,
    "VerificationStatus": "SUCCESS",
    "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS", "Tokens": ["one", "two"]},
    "MailFromAttributes": {
        "MailFromDomain": "bounce.example.com",
        "MailFromDomainStatus": "SUCCESS",
        "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
    },
}
SES: dict[str, Any] = {
    "ProductionAccessEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendingEnabled": True,
    "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
    "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    "PricingAttributes": {"CurrentPlan": "NONE"},
}
READY = Facts(
    environment="prod",
    account=ACCOUNT,
    region="eu-west-1",
    is_serious=True,
    is_deployed=True,
    parameters=PROD.parameters,
    needs=needs(PROD.parameters),
    volume=volume("prod"),
    ses=SES,
    identity=IDENTITY,
    dmarc="v=DMARC1; p=quarantine",
    functions={"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000},
    iam={"Roles": 120, "RolesQuota": 1000},
    alarms=40,
    publishers={},
    cost_tags=dict.fromkeys(PROD.tags, "Active"),
    wanted_cost_tags=list(PROD.tags),
    alert_subscriptions=[{"SubscriptionArn": f"{TOPIC}:1"}],
    denied=[],
)


def found(facts: Facts, check: str) -> Finding:
    [finding] = [one for one in checks.check(facts) if one.check == check]
    return finding


def of_ses(**changes: Any) -> Facts:
    return replace(READY, ses=SES | changes)


def of_identity(**changes: Any) -> Facts:
    return replace(READY, identity=IDENTITY | changes)


def of_parameters(**changes: str) -> Facts:
    return replace(READY, parameters={**READY.parameters, **changes})


def test_account_that_lacks_nothing_is_ready() -> None:
    findings = checks.check(READY)

    assert {finding.severity for finding in findings} == {OK}
    assert not [finding for finding in findings if finding.remedy]
    assert checks.is_ready(findings)


def test_worst_findings_come_first_and_only_those_that_must_be_mended_stop() -> None:
    facts = replace(of_ses(SendingEnabled=False), dmarc=None, alarms=Unseen("", "cloudwatch:DescribeAlarms"))
    findings = checks.check(facts)

    assert [finding.severity for finding in findings[:4]] == [MUST, SHOULD, UNKNOWN, OK]
    assert not checks.is_ready(findings)
    assert checks.is_ready([finding for finding in findings if finding.severity is not MUST])


def test_every_finding_that_is_not_well_says_what_to_do() -> None:
    unknown = Unseen("AWS does not answer.")
    bad = replace(
        READY,
        ses=SES
        | {"ProductionAccessEnabled": False, "SendingEnabled": False, "EnforcementStatus": "SHUTDOWN"},
        identity=None,
        dmarc=unknown,
        functions={"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 2},
        cost_tags={},
        alert_subscriptions=[],
        denied=["iam:CreateRole"],
    )
    findings = [finding for finding in checks.check(bad) if finding.severity is not OK]

    assert len(findings) > 8
    assert [finding.check for finding in findings if not finding.remedy] == []


# Identity, DKIM, MAIL FROM, DMARC


def test_missing_identity_is_created_in_the_region() -> None:
    finding = found(replace(READY, identity=None), "identity")

    assert finding.severity is MUST
    assert "create-email-identity --email-identity example.com --region eu-west-1" in finding.remedy


def test_unverified_identity_names_the_records_to_publish() -> None:
    facts = of_identity(
        VerifiedForSendingStatus=False,
        VerificationStatus="FAILED",
        VerificationInfo={"ErrorType": "HOST_NOT_FOUND"},
    )
    finding = found(facts, "identity")

    assert (finding.severity, finding.what) == (MUST, "example.com is not verified (FAILED, HOST_NOT_FOUND).")
    assert "two._domainkey.example.com CNAME two.dkim.amazonses.com" in finding.remedy


def test_sender_must_belong_to_the_identity() -> None:
    assert found(of_parameters(FromIdentity="other.example"), "from address").severity is MUST
    assert belongs("orders@mail.example.com", "example.com")
    assert belongs("orders@example.com", "orders@example.com")
    assert not belongs("orders@example.com", "sales@example.com")
    assert not belongs("orders@badexample.com", "example.com")


@pytest.mark.parametrize(
    "attributes",
    [{"SigningEnabled": False, "Status": "SUCCESS"}, {"SigningEnabled": True, "Status": "PENDING"}],
)
def test_emails_must_be_signed(attributes: dict[str, Any]) -> None:
    of_domain = of_identity(DkimAttributes=attributes)
    of_address = replace(of_domain, parameters={**READY.parameters, "FromIdentity": "orders@example.com"})

    assert found(of_domain, "DKIM").severity is MUST
    assert found(of_address, "DKIM").severity is SHOULD


@pytest.mark.parametrize(
    ("attributes", "severity"),
    [
        ({}, SHOULD),
        ({"MailFromDomain": "b.example.com", "MailFromDomainStatus": "PENDING"}, SHOULD),
        (
            {
                "MailFromDomain": "b.example.com",
                "MailFromDomainStatus": "FAILED",
                "BehaviorOnMxFailure": "REJECT_MESSAGE",
            },
            MUST,
        ),
    ],
)
def test_mail_from_must_work_only_where_ses_rejects_without(
    attributes: dict[str, str], severity: Severity
) -> None:
    finding = found(of_identity(MailFromAttributes=attributes), "MAIL FROM")

    assert finding.severity is severity
    assert "feedback-smtp.eu-west-1.amazonses.com" in finding.remedy


def test_dmarc_that_cannot_be_looked_up_is_to_be_looked_at_by_hand() -> None:
    finding = found(replace(READY, dmarc=Unseen("There is no dig.")), "DMARC")

    assert finding.severity is UNKNOWN
    assert "dig +short TXT _dmarc.example.com" in finding.remedy
    assert found(replace(READY, dmarc=None), "DMARC").severity is SHOULD


def dig(status: str, *answers: str) -> str:
    return "\n".join([f";; ->>HEADER<<- opcode: QUERY, status: {status}, id: 1", *answers])


def test_dmarc_record_is_read_from_what_dig_prints() -> None:
    name = "_dmarc.example.com. 300 IN TXT"

    assert read(dig("NOERROR", f'{name} "v=DMARC1; p=none; " "rua=mailto:a@b.example"')) == (
        "v=DMARC1; p=none; rua=mailto:a@b.example"
    )
    assert read(dig("NOERROR", f'{name} "v=spf1 -all"')) is None
    assert read(dig("NXDOMAIN")) is None
    assert isinstance(read(dig("SERVFAIL")), Unseen)
    assert isinstance(read(";; connection timed out"), Unseen)


# What the account may send


def test_sandbox_stops_an_environment_for_customers_only() -> None:
    facts = of_ses(ProductionAccessEnabled=False)

    assert found(facts, "sandbox").severity is MUST
    assert found(replace(facts, environment="dev", is_serious=False), "sandbox").severity is SHOULD


def test_paused_sending_and_reviews_are_told() -> None:
    assert found(of_ses(SendingEnabled=False), "sending").severity is MUST
    assert found(of_ses(EnforcementStatus="PROBATION"), "SES review").severity is SHOULD
    assert found(of_ses(EnforcementStatus="SHUTDOWN"), "SES review").severity is MUST


@pytest.mark.parametrize(
    ("per_day", "severity"), [(200, MUST), (1_999, MUST), (2_000, SHOULD), (20_000, OK), (-1, OK)]
)
def test_daily_quota_must_hold_an_ordinary_day_and_should_hold_a_spike(
    per_day: float, severity: Severity
) -> None:
    quota = SES["SendQuota"] | {"Max24HourSend": float(per_day)}

    assert found(of_ses(SendQuota=quota), "daily quota").severity is severity


@pytest.mark.parametrize(("rate", "severity"), [(0.1, MUST), (1.0, SHOULD), (1.5, OK)])
def test_sending_rate_counts_by_the_share_that_this_service_may_use(rate: float, severity: Severity) -> None:
    """2,000 a day, a fifth in one hour, are 0.11 a second, ten times that in a spike; 80 % are ours."""
    quota = SES["SendQuota"] | {"MaxSendRate": rate}

    assert found(of_ses(SendQuota=quota), "sending rate").severity is severity


def test_rate_should_let_a_few_orders_that_come_at_once_be_in_time() -> None:
    """Four emails by one of two containers, each with half of 0.1 a second: the last waits for a minute."""
    few = replace(volume("dev"), emails_per_day=1)
    slow = replace(
        of_parameters(SesRateSharePercent="10", SendMaximumConcurrency="2"),
        ses=SES | {"SendQuota": SES["SendQuota"] | {"MaxSendRate": 1.0}},
        volume=few,
    )
    fast = replace(slow, ses=SES)

    assert found(slow, "sending rate").severity is SHOULD
    assert found(fast, "sending rate").severity is OK


def test_fallback_rate_above_the_accounts_would_be_throttled() -> None:
    finding = found(of_parameters(SesFallbackRatePerSecond="20"), "fallback rate")

    assert finding.severity is SHOULD
    assert "fallback rate" not in [one.check for one in checks.check(READY)]


def test_account_should_suppress_bounces_and_complaints() -> None:
    finding = found(of_ses(SuppressionAttributes={"SuppressedReasons": ["COMPLAINT"]}), "suppression list")

    assert finding.severity is SHOULD
    assert "after BOUNCE." in finding.what


def test_plan_that_a_cheaper_one_could_replace_says_how_much_that_saves() -> None:
    """60,833 emails a month at $0.16 and at $0.10 per 1,000."""
    finding = found(of_ses(PricingAttributes={"CurrentPlan": "ESSENTIALS"}), "SES plan")

    assert finding.severity is SHOULD
    assert "$0.16 per 1,000 emails: $9.73 a month" in finding.what
    assert "a-la-carte would save $3.65" in finding.what
    assert "put-account-pricing-attributes --plan NONE" in finding.remedy


@pytest.mark.parametrize("attributes", [{}, {"CurrentPlan": "ENTERPRISE"}])
def test_plan_that_is_not_told_or_not_priced_names_the_price_that_is_assumed(
    attributes: dict[str, str],
) -> None:
    finding = found(of_ses(PricingAttributes=attributes), "SES plan")

    assert finding.severity is UNKNOWN
    assert "`notify cost` assumes essentials, $0.16 per 1,000 emails" in finding.what


# The account besides SES


@pytest.mark.parametrize(("free", "severity"), [(8, MUST), (9, SHOULD), (17, SHOULD), (18, OK)])
def test_concurrency_must_hold_this_deployment_and_should_hold_twice_as_much(
    free: int, severity: Severity
) -> None:
    """5 runs of sending, 2 of tracking, 1 each of the guard and the check."""
    facts = replace(READY, functions={"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": free})

    assert found(facts, "Lambda concurrency").severity is severity


def test_quotas_that_others_have_used_up_stop_a_first_deployment() -> None:
    full = replace(READY, is_deployed=False, iam={"Roles": 996, "RolesQuota": 1000}, alarms=4_990)

    assert found(full, "IAM roles").severity is MUST
    assert found(full, "alarms").severity is MUST
    assert found(replace(full, is_deployed=True), "alarms").severity is OK


def test_publishers_of_this_account_must_exist_and_others_cannot_be_seen() -> None:
    ours, gone, theirs = (
        f"arn:aws:iam::{account}:role/{name}"
        for account, name in ((ACCOUNT, "shop"), (ACCOUNT, "gone"), ("222222222222", "order-system"))
    )
    facts = replace(
        of_parameters(PublisherPrincipalArns=f"{ours}, {gone},{theirs}"), publishers={ours: True, gone: False}
    )
    findings = {one.severity: one for one in checks.check(facts) if one.check == "publishers"}

    assert findings.keys() == {OK, MUST, UNKNOWN}
    assert gone in findings[MUST].what
    assert "aws iam get-role --role-name order-system" in findings[UNKNOWN].remedy


def test_cost_tags_should_be_active_and_are_the_payers_to_activate() -> None:
    finding = found(
        replace(READY, cost_tags={"Service": "Active", "Environment": "Inactive"}), "cost allocation tags"
    )

    assert (finding.severity, "Environment, Deployment" in finding.what) == (SHOULD, True)
    assert "TagKey=Environment,Status=Active TagKey=Deployment,Status=Active" in finding.remedy
    assert "Service" not in finding.remedy


def test_alerts_must_reach_somebody() -> None:
    pending = replace(READY, alert_subscriptions=[{"SubscriptionArn": PENDING}])

    assert found(pending, "alerts").severity is MUST
    assert found(replace(pending, is_serious=False), "alerts").severity is SHOULD
    assert found(replace(READY, alert_subscriptions=[]), "alerts").severity is MUST
    assert found(replace(READY, alert_subscriptions=None), "alerts").severity is UNKNOWN


def test_rights_that_the_caller_lacks_are_named() -> None:
    finding = found(replace(READY, denied=["iam:CreateRole", "kms:CreateKey"]), "caller's rights")

    assert (finding.severity, "iam:CreateRole, kms:CreateKey" in finding.what) == (MUST, True)


@pytest.mark.parametrize(
    ("fact", "check"),
    [
        ("ses", "SES account"),
        ("identity", "identity"),
        ("dmarc", "DMARC"),
        ("functions", "Lambda concurrency"),
        ("iam", "IAM roles"),
        ("alarms", "alarms"),
        ("cost_tags", "cost allocation tags"),
        ("alert_subscriptions", "alerts"),
        ("denied", "caller's rights"),
    ],
)
def test_refused_look_is_unknown_and_names_the_right(fact: str, check: str) -> None:
    unseen: Any = {fact: Unseen("AccessDenied", "service:Action")}
    facts = replace(READY, **unseen)
    finding = found(facts, check)

    assert (finding.severity, finding.remedy) == (UNKNOWN, "Allow service:Action.")
    assert checks.is_ready(checks.check(facts))

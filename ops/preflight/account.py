"""What the account lacks besides SES: concurrency, quotas, principals, tags, alerts, rights. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ops.preflight.findings import Facts, Finding, Severity, Unseen

MUST, SHOULD, UNKNOWN, OK = Severity.MUST, Severity.SHOULD, Severity.UNKNOWN, Severity.OK

ALARMS_QUOTA = 5_000
"""Of an account in a region, unless raised:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""

PENDING = "PendingConfirmation"
"""What SNS says instead of the ARN of a subscription that nobody has confirmed yet:
https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""


def concurrency(facts: Facts) -> Iterator[Finding]:
    """Whether Lambda runs as many functions at once as the mappings start; a new account may have 10."""
    if isinstance(facts.functions, Unseen):
        yield facts.functions.finding("Lambda concurrency")
        return
    free, needed = facts.functions["UnreservedConcurrentExecutions"], facts.needs.concurrency
    says = (
        f"{free} of {facts.functions['ConcurrentExecutions']} concurrent runs are unreserved; "
        f"this deployment takes up to {needed}"
    )
    remedy = (
        "Console: Service Quotas, AWS Lambda, Concurrent executions, Request increase; "
        f"or a lower SendMaximumConcurrency in parameters/{facts.environment}.yaml."
    )
    if free < needed:
        yield Finding(MUST, "Lambda concurrency", f"{says}.", remedy)
    elif free < 2 * needed:
        yield Finding(
            SHOULD, "Lambda concurrency", f"{says}, which leaves little to the account's others.", remedy
        )
    else:
        yield Finding(OK, "Lambda concurrency", f"{says}.")


def service_quotas(facts: Facts) -> Iterator[Finding]:
    """Quotas that an account with much else in it can have used up; the others are far away.

    Topics (100,000), queues and their messages (no quota), tables (2,500), dashboards and budgets are not
    looked at: this deployment takes a handful of each.
    """
    counted = {
        "IAM roles": (
            facts.iam if isinstance(facts.iam, Unseen) else facts.iam["Roles"],
            0 if isinstance(facts.iam, Unseen) else facts.iam["RolesQuota"],
            facts.needs.roles,
        ),
        "alarms": (facts.alarms, ALARMS_QUOTA, facts.needs.alarms),
    }
    for name, (used, quota, per_deployment) in counted.items():
        if isinstance(used, Unseen):
            yield used.finding(name)
            continue
        needed = 0 if facts.is_deployed else per_deployment
        fits = used + needed <= quota
        yield Finding(
            OK if fits else MUST,
            name,
            f"{used:,} of {quota:,} are taken" + (f"; a deployment has {needed}." if needed else "."),
            "" if fits else f"Console: Service Quotas, {name}, Request increase; or remove what nobody uses.",
        )


def publishers(facts: Facts) -> Iterator[Finding]:
    """Whether the principals exist that may publish: SNS refuses a policy that names one that does not."""
    listed = [arn.strip() for arn in facts.parameters["PublisherPrincipalArns"].split(",") if arn.strip()]
    if not listed:
        yield Finding(
            OK,
            "publishers",
            "PublisherPrincipalArns is empty: this account's principals need an IAM policy.",
        )
    for arn in listed:
        match facts.publishers.get(arn):
            case True:
                yield Finding(OK, "publishers", f"{arn} exists.")
            case False:
                yield Finding(
                    MUST,
                    "publishers",
                    f"{arn} does not exist: the topic's policy would be refused.",
                    f"Create it, or correct PublisherPrincipalArns in parameters/{facts.environment}.yaml.",
                )
            case Unseen() as unseen:
                yield unseen.finding("publishers")
            case None:
                yield Finding(
                    UNKNOWN,
                    "publishers",
                    f"{arn} is of another account, and cannot be seen from this one.",
                    f"In that account: aws iam get-{arn.split(':')[5].split('/')[0]} "
                    f"--{arn.split(':')[5].split('/')[0]}-name {arn.rpartition('/')[2]}",
                )


def cost_tags(facts: Facts) -> Iterator[Finding]:
    """Whether costs can be told apart by the tags that all resources carry."""
    if isinstance(facts.cost_tags, Unseen):
        yield facts.cost_tags.finding(
            "cost allocation tags",
            "Only the payer account knows: Console: Billing, Cost allocation tags.",
        )
        return
    inactive = [key for key in facts.wanted_cost_tags if facts.cost_tags.get(key) != "Active"]
    if not inactive:
        yield Finding(OK, "cost allocation tags", f"{', '.join(facts.wanted_cost_tags)} are active.")
        return
    keys = " ".join(f"TagKey={key},Status=Active" for key in inactive)
    known = all(key in facts.cost_tags for key in inactive)
    yield Finding(
        SHOULD,
        "cost allocation tags",
        f"Not active: {', '.join(inactive)}"
        + ("." if known else ". A key can be activated a day after the first resource with it."),
        "In the payer account: aws ce update-cost-allocation-tags-status --region us-east-1 "
        f"--cost-allocation-tags-status {keys}",
    )


def alerts(facts: Facts) -> Iterator[Finding]:
    """Whether somebody is told about alarms."""
    address = facts.parameters["AlertEmailAddress"]
    if isinstance(facts.alert_subscriptions, Unseen):
        yield facts.alert_subscriptions.finding("alerts")
    elif facts.alert_subscriptions is None:
        yield Finding(
            UNKNOWN,
            "alerts",
            "There is no alert topic yet.",
            "After the deployment, confirm the subscription that SNS sends, and look again.",
        )
    elif any(one["SubscriptionArn"] == PENDING for one in facts.alert_subscriptions):
        yield Finding(
            facts.for_customers,
            "alerts",
            "A subscription of the alert topic is not confirmed: nobody is told there.",
            "Open the link that SNS has sent; if it is gone (3 days): Console: SNS, Subscriptions, "
            "Request confirmation.",
        )
    elif not facts.alert_subscriptions:
        yield Finding(
            facts.for_customers if address else SHOULD,
            "alerts",
            "The alert topic has no subscription: nobody is told about alarms.",
            f"Set AlertEmailAddress in parameters/{facts.environment}.yaml and deploy, or subscribe "
            "what pages you.",
        )
    else:
        yield Finding(OK, "alerts", f"{len(facts.alert_subscriptions)} confirmed; alarms are heard.")


def rights(facts: Facts) -> Iterator[Finding]:
    """Whether the caller may do what a deployment does."""
    if isinstance(facts.denied, Unseen):
        yield facts.denied.finding(
            "caller's rights", "`notify deploy --plan` needs the first of them; CloudFormation names others."
        )
    elif facts.denied:
        yield Finding(
            MUST,
            "caller's rights",
            f"By its IAM policies the caller may not: {', '.join(facts.denied)}.",
            "Take a role that may, or allow these.",
        )
    else:
        yield Finding(
            OK,
            "caller's rights",
            "By its IAM policies the caller may deploy (an organization's policies cannot be seen here).",
        )

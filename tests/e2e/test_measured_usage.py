"""What a deployment has used is measured where it can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ops import usage
from tests.support.system import STACK_NAME, System, order, order_id, wait_for


def test_usage_of_the_month_is_read_from_the_metrics_of_the_deployment(system: System) -> None:
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")
    wait_for("the metric", lambda: system.counted("EmailsAccepted"))

    now = datetime.now(UTC) + timedelta(minutes=1)
    measured = usage.measure(system.aws, STACK_NAME, system.outputs, now - timedelta(minutes=10), now)

    assert measured.used["emails"] >= 1
    # An order event and two events of SES, each sent, received and deleted.
    assert measured.used["sns_publishes"] >= 3
    assert measured.used["sqs_requests"] >= 9
    assert measured.used["lambda_runs"] >= 2
    assert measured.used["lambda_gb_seconds"] > 0
    estimate = measured.so_far("essentials")
    assert estimate.items["ses"] > 0
    assert estimate.total < measured.forecast("essentials").total

"""An email whose answer and events are all lost: nobody can know, so a person decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifications.keys import order_key
from tests.chaos.experiment import PARAMETERS
from tests.support.system import deployed, order, order_id, wait_for


@pytest.mark.timeout(600)
def test_email_is_not_sent_twice_when_its_answer_and_all_its_events_are_lost_while_others_arrive(
    tmp_path: Path,
) -> None:
    id_ = order_id()
    address = f"success+{id_}@simulator.amazonses.com"
    with deployed(tmp_path / "emulator.log", PARAMETERS) as system:
        system.control.set_faults(
            [
                {"name": "answer lost", "operation": "ses:SendEmail", "match": address, "limit": 1,
                 "effect": "reset", "phase": "after"},
                {"name": "events lost", "operation": "ses:PublishEvent", "match": order_key(id_), "limit": 2,
                 "effect": "lose"},
            ]
        )  # fmt: skip
        system.publish(order(id_, to=address))
        wait_for("the lost events", lambda: [fault["hits"] for fault in system.control.faults()] == [1, 2])
        other = order_id()
        system.publish(order(other))
        assert wait_for("somebody to be needed", system.settle_undecided) == 1
        system.wait_until_drained()
        assert system.status(other) == "DELIVERED"
        assert len(system.accepted(id_)) == 1
        [record] = system.records(id_)
        assert (record["status"], record["attempt"], record["resends"]) == ("SENT", 1, 0)

"""The one case that is left, pinned: the limit that README states."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifications.keys import order_key
from tests.chaos.experiment import PARAMETERS
from tests.support.system import deployed, order, order_id


@pytest.mark.timeout(600)
def test_email_is_sent_twice_and_counted_when_its_answer_and_all_its_events_are_lost_while_others_arrive(
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
        system.wait_until_settled(id_)
        assert [fault["hits"] for fault in system.control.faults()] == [1, 2]
        assert len(system.accepted(id_)) == 2
        [record] = system.records(id_)
        assert (record["attempt"], record["resends"]) == (2, 1)

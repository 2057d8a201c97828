"""The runbooks about bounces, complaints and sending that is held because of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runbooks import site as sites
from tests.runbooks.operator import ANSWERS
from tests.runbooks.site import HOUR, Site
from tests.support.system import wait_for

SMALL = {"BounceRateMinimumEmails": "1"}
"""A spike of a few emails; a complaint rate takes 50 times as many."""
BOUNCE, COMPLAINT = "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.deployed(tmp_path_factory.mktemp("reputation"), ReputationGuard="warn", **SMALL) as site:
        yield site


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.deployed(tmp_path_factory.mktemp("guarded"), ReputationGuard="hold", **SMALL) as site:
        yield site


@pytest.fixture(autouse=True)
def left_sending(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"site", "guarded"} & set(request.fixturenames):
        request.getfixturevalue(name).workspace.run(
            "uv run notify resume --reason 'the next test' --env dev || true"
        )


def test_bounce_spike(site: Site) -> None:
    site.wait_for("DELIVERED", site.send())
    bounced = site.send(2, to=BOUNCE)
    site.wait_for("BOUNCED", bounced)
    site.wait_until_counted("HardBounces", 2)
    site.look_at_alarms()
    assert site.state("bounce-rate-high") == "ALARM"
    assert site.state("emails-at-risk") == "ALARM"

    with site.follow("bounce-rate", ORDER_ID=bounced[0]) as reader:
        stats, account, log, found = reader.check()
        assert "66.67 % of accepted" in stats
        assert "HEALTHY" in account
        assert len([line for line in log.split("\t") if "BOUNCED" in line]) == 2
        assert "Refused for good" in found
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()

    more = site.send(2, to=BOUNCE)
    wait_for("them to wait", lambda: site.system.waiting() == 2)
    assert not any(site.system.accepted(id_) for id_ in more)
    site.look_at_alarms(2 * HOUR)
    assert site.state("bounce-rate-high") == "OK"


def test_complaint_spike(site: Site) -> None:
    good = site.send(50)
    complained = site.send(to=COMPLAINT)
    site.wait_for("DELIVERED", good)
    site.wait_for("COMPLAINED", complained)
    site.wait_until_counted("Complaints", 1)
    site.look_at_alarms()
    assert site.state("complaint-rate-high") == "ALARM"

    with site.follow("complaint-rate", ORDER_ID=complained[0]) as reader:
        _, account, log, found = reader.check()
        assert "HEALTHY" in account
        assert "COMPLAINED" in log
        assert "reported it as spam" in found
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()


def test_sending_held(guarded: Site) -> None:
    guarded.wait_for("DELIVERED", guarded.send(3))
    guarded.wait_for("BOUNCED", guarded.send(3, to=BOUNCE))
    guarded.wait_until_counted("HardBounces", 3)
    guarded.look_at_alarms()
    assert guarded.state("reputation-at-risk") == "ALARM"

    with guarded.follow("sending-held") as reader:
        wait_for("the guard", lambda: "Disabled" in reader.check()[1])
        waiting = guarded.send(5)
        wait_for("them to wait", lambda: guarded.system.waiting() == 5)
        guarded.look_at_alarms(50 * HOUR)
        assert guarded.state("orders-expiring") == "ALARM"
        who, *_ = reader.check()
        assert "reputation guard" in who
        assert "passed the hold line" in who
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
        reader.afterwards()
    guarded.assert_sent_once(waiting)


def test_first_five_minutes(site: Site) -> None:
    """The index page, on an environment on which somebody then holds sending."""
    [id_] = site.send()
    site.wait_for("DELIVERED", [id_])
    with site.follow("README", ORDER_ID=id_) as reader:
        for block in reader.page.all_blocks[2:]:
            reader.paste(block, ANSWERS)
        looks = [reader.paste(block, ANSWERS) for block in reader.page.blocks("Look, in this order")]
    assert "on hold since" in "".join(looks)
    assert "tried in a test" in "".join(looks)
    assert "Delivered" in "".join(looks)

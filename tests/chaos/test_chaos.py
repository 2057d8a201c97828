"""A short run; `make chaos` does the long ones."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.chaos.experiment import PARAMETERS, run
from tests.chaos.report import explain
from tests.support.system import deployed

ORDERS = 60


@pytest.mark.timeout(600)
def test_each_order_becomes_one_email_when_everything_fails_that_can(tmp_path: Path) -> None:
    seed = random.randrange(2**31)
    print(f"seed {seed}: repeat with `make chaos ORDERS={ORDERS} SEED={seed}`")
    with deployed(tmp_path / "emulator.log", PARAMETERS) as system:
        report = run(system, ORDERS, seed)
        for id_ in report.wrong_orders[:3]:
            print(json.dumps(explain(system, id_), indent=1, default=str))
    assert report.passed, json.dumps(asdict(report) | {"missed": report.missed_faults}, indent=1)

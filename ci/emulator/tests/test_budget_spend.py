"""Budgets tell what the control API says that the month has cost."""

import pytest

from ci.emulator.control import ControlError

ACCOUNT = "000000000000"


def test_budget_tells_what_the_month_has_cost_and_will_cost(emulator, clients):
    client = clients("budgets")
    limit = {"Amount": "10", "Unit": "USD"}
    budget = {"BudgetName": "spend", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
    client.create_budget(AccountId=ACCOUNT, Budget=budget)

    emulator.control.set_spend(actual_usd=8, forecast_usd=12.5)

    told = client.describe_budget(AccountId=ACCOUNT, BudgetName="spend")["Budget"]["CalculatedSpend"]
    assert (told["ActualSpend"]["Amount"], told["ForecastedSpend"]["Amount"]) == ("8.0", "12.5")


def test_spend_of_another_kind_is_refused(emulator):
    with pytest.raises(ControlError, match="actual_usd and forecast_usd"):
        emulator.control.set_spend(saved_usd=1)

"""Gap: what budgets have to say of cost. MiniStack has no bills: nothing ever costs anything.

`PUT /_emulator/budgets` sets what this month has cost and will cost, for all budgets of the account. Notices
are not sent.

Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CalculatedSpend.html
"""

from typing import Any

from ci.emulator.control_api import BadControlRequestError, route
from ci.emulator.ministack import budgets

_spend_usd = {"actual_usd": 0.0, "forecast_usd": 0.0}


def install() -> None:
    """Tell the spend whenever budgets are described."""
    for operation in ("DescribeBudgets", "DescribeBudget"):
        _tell_spend_in(operation)
    route("PUT", "/budgets", _set_spend)


def _tell_spend_in(operation: str) -> None:
    describe = budgets._DISPATCH[operation]

    def describe_with_spend(request: Any) -> Any:
        for budget in budgets._budgets.values():
            budget["CalculatedSpend"] = {
                "ActualSpend": _amount("actual_usd"),
                "ForecastedSpend": _amount("forecast_usd"),
            }
        return describe(request)

    budgets._DISPATCH[operation] = describe_with_spend


def _amount(name: str) -> dict[str, str]:
    return {"Amount": str(_spend_usd[name]), "Unit": "USD"}


def _set_spend(body: Any) -> dict[str, float]:
    if not isinstance(body, dict) or not body.keys() <= _spend_usd.keys():
        raise BadControlRequestError(f"Give {' and '.join(_spend_usd)}.")
    _spend_usd.update({name: float(amount) for name, amount in body.items()})
    return _spend_usd

"""The grammar of metric math expressions.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?:
        (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
      | (?P<name>[A-Za-z][A-Za-z0-9_]*)
      | (?P<operator>==|!=|<=|>=|[-+*/<>()\[\],])
    )\s*""",
    re.VERBOSE,
)
# From the loosest to the tightest binding.
_LEVELS = (("OR",), ("AND",), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/"))


class MetricMathError(ValueError):
    """A metric math expression that CloudWatch, or the emulator, cannot evaluate."""


@dataclass(frozen=True)
class Number:
    """A scalar literal."""

    value: float


@dataclass(frozen=True)
class Name:
    """The id of a metric or expression."""

    value: str


@dataclass(frozen=True)
class Array:
    """``[m1, m2]``."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class Call:
    """A function or an operator with its arguments."""

    function: str
    arguments: tuple["Node", ...]


Node = Number | Name | Array | Call


def parse(expression: str) -> Node:
    """Parse one expression.

    Raises
    ------
    MetricMathError
        With the expression and where it cannot be read.
    """
    return _Parser(expression).parse()


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all nodes below it."""
    yield node
    children = node.arguments if isinstance(node, Call) else node.items if isinstance(node, Array) else ()
    for child in children:
        yield from walk(child)


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._tokenize())
        self._position = 0

    def parse(self) -> Node:
        node = self._binary(0)
        self._expect("end", "")
        return node

    def _tokenize(self) -> Iterator[tuple[str, str]]:
        position = len(self._expression) - len(self._expression.lstrip())
        while position < len(self._expression):
            match = _TOKEN.match(self._expression, position)
            if match is None or match.lastgroup is None:
                raise self._error(f"character {position + 1}")
            kind, value = match.lastgroup, match[match.lastgroup]
            yield ("operator" if value in ("AND", "OR") else kind), value
            position = match.end()
        yield "end", ""

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._binary(level + 1)
        while operator := self._take_any(_LEVELS[level]):
            node = Call(operator, (node, self._binary(level + 1)))
        return node

    def _unary(self) -> Node:
        return Call("NEGATE", (self._unary(),)) if self._take_any(("-",)) else self._primary()

    def _primary(self) -> Node:
        kind, value = self._take()
        if kind == "number":
            return Number(float(value))
        if kind == "name":
            return Call(value, self._list_until(")")) if self._take_any(("(",)) else Name(value)
        if value == "[":
            return Array(self._list_until("]"))
        if value == "(":
            node = self._binary(0)
            self._expect("operator", ")")
            return node
        raise self._error(repr(value) if value else "its end")

    def _list_until(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._take_any((closing,)):
            return ()
        while True:
            items.append(self._binary(0))
            if self._take_any((closing,)):
                return tuple(items)
            self._expect("operator", ",")

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _take_any(self, operators: tuple[str, ...]) -> str | None:
        kind, value = self._tokens[self._position]
        if kind != "operator" or value not in operators:
            return None
        self._position += 1
        return value

    def _expect(self, kind: str, value: str) -> None:
        found = self._take()
        if found != (kind, value):
            raise self._error(repr(found[1]) if found[1] else "its end")

    def _error(self, where: str) -> MetricMathError:
        return MetricMathError(f"The expression {self._expression!r} cannot be read at {where}")

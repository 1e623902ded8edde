"""Reading a TOML table, with errors that name the place: for models.toml and for the user's settings."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from anyvideo.types.errors import ConfigurationError


class Table:
    """One table. Every read notes its key; `done` complains about keys that nobody read.

    `origin` is the file and perhaps the entry in it, with a colon; `path` the place below that, such as
    `price[0]`.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        origin: str,
        path: str = "",
        error: type[ConfigurationError] = ConfigurationError,
    ) -> None:
        self._values = values
        self._origin = origin
        self._path = path
        self._error = error
        self._known: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the key is given. Counts as reading it."""
        self._known.add(key)
        return key in self._values

    def is_table(self, key: str) -> bool:
        """Whether the value is a table."""
        return isinstance(self._need(key), Mapping)

    def named(self, origin: str) -> Table:
        """The same table, called by a better name in errors."""
        table = Table(self._values, origin=origin, error=self._error)
        table._known = set(self._known)
        return table

    def fail(self, key: str, problem: str, hint: str | None = None) -> NoReturn:
        """Raise the error for one key."""
        place = self._place(key)
        raise self._error(f"{self._origin} {place} {problem}", field=place, hint=hint)

    def done(self) -> None:
        """Raise for the first key that was given and is not known here."""
        for key in self._values:
            if key not in self._known:
                near = difflib.get_close_matches(key, sorted(self._known), n=3)
                meant = near or sorted(self._known)
                self.fail(key, "is not known", f"did you mean {', '.join(map(repr, meant))}?")

    def text(self, key: str) -> str:
        """A string that is not blank."""
        value = self._need(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"must be text, not {value!r}")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._need(key)
        if not isinstance(value, bool):
            self.fail(key, f"must be true or false, not {value!r}")
        return value

    def number(self, key: str, *, least: float = 0.0) -> float:
        """A finite number, at least `least`."""
        value = self._need(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fail(key, f"must be a number, not {value!r}")
        if value < least:
            self.fail(key, f"must be at least {least:g}, not {value:g}")
        return float(value)

    def whole(self, key: str, *, least: int = 1) -> int:
        """A whole number, at least `least`."""
        value = self.number(key, least=least)
        if value != int(value):
            self.fail(key, f"must be a whole number, not {value:g}")
        return int(value)

    def amount(self, key: str) -> Decimal:
        """A decimal written as text, 0 or more: a float would not be exact."""
        value = self._need(key)
        try:
            amount = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            amount = None
        if amount is None or not amount.is_finite() or amount < 0:
            self.fail(key, f"must be a decimal number written as text, like '0.05', not {value!r}")
        return amount

    def day(self, key: str) -> date:
        """A date without a time."""
        value = self._need(key)
        if isinstance(value, datetime) or not isinstance(value, date):
            self.fail(key, f"must be a date like 2026-11-21, not {value!r}")
        return value

    def choice(self, key: str, among: Collection[str]) -> str:
        """One word of a closed list."""
        value = self.text(key)
        if value not in among:
            self.fail(key, f"must be one of {', '.join(among)}, not {value!r}")
        return value

    def choices(self, key: str, among: Collection[str]) -> tuple[str, ...]:
        """Some words of a closed list, at least one."""
        values = self.texts(key)
        if not values or not set(values) <= set(among):
            self.fail(key, f"must be one or more of {', '.join(among)}, not {list(values)}")
        return values

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._need(key)
        if not isinstance(values, list) or not all(isinstance(item, str) and item.strip() for item in values):
            self.fail(key, f"must be a list of texts, not {values!r}")
        return tuple(values)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of numbers above 0."""
        values = self._need(key)
        if not isinstance(values, list) or not all(
            isinstance(item, int | float) and not isinstance(item, bool) and item > 0 for item in values
        ):
            self.fail(key, f"must be a list of numbers above 0, not {values!r}")
        return tuple(float(item) for item in values)

    def lists(self) -> dict[str, tuple[str, ...]]:
        """All of this table, which holds only lists of strings."""
        return {key: self.texts(key) for key in self._values}

    def words(self, key: str) -> dict[str, str]:
        """A table of strings."""
        return self._map(key, lambda item: isinstance(item, str), "texts")

    def scalars(self, key: str) -> dict[str, str | int | float | bool]:
        """A table of texts, numbers and flags."""
        return self._map(key, lambda item: isinstance(item, str | int | float), "texts, numbers or flags")

    def counts(self, key: str) -> dict[str, int]:
        """A table of whole numbers above 0."""
        return self._map(
            key,
            lambda item: isinstance(item, int) and not isinstance(item, bool) and item > 0,
            "whole numbers above 0",
        )

    def table(self, key: str) -> Table:
        """A table inside this one."""
        value = self._need(key)
        if not isinstance(value, Mapping):
            self.fail(key, f"must be a table, not {value!r}")
        return Table(value, origin=self._origin, path=self._place(key), error=self._error)

    def tables(self, key: str) -> Iterator[Table]:
        """A list of tables inside this one."""
        values = self._need(key)
        if not isinstance(values, list) or not all(isinstance(item, Mapping) for item in values):
            self.fail(key, "must be a list of tables")
        for index, value in enumerate(values):
            yield Table(value, origin=self._origin, path=f"{self._place(key)}[{index}]", error=self._error)

    def _need(self, key: str) -> Any:
        if not self.has(key):
            near = difflib.get_close_matches(key, self._values, n=1)
            self.fail(key, "is missing", f"is {near[0]!r} meant to be it?" if near else None)
        return self._values[key]

    def _map(self, key: str, fits: Callable[[object], bool], kind: str) -> dict[str, Any]:
        value = self._need(key)
        if not isinstance(value, Mapping) or not all(fits(item) for item in value.values()):
            self.fail(key, f"must be a table of {kind}, not {value!r}")
        return dict(value)

    def _place(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

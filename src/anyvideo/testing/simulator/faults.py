"""The faults a test can order, what each does in one sentence, and the board that holds the orders.

A fault has a stage, the point at which the simulator asks the board: `delay` and `create` before a
generation is accepted, `job` while it is accepted (it shapes the job's life), `answer` after it was
accepted, `poll` when its state is read, `list` when jobs are listed, `download` when the file is read.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

NUMBER: Final = "number"
TEXT: Final = "text"
FLAG: Final = "flag"
STAGE: Final = "create, poll or all"
NUMBER_OR_NULL: Final = "number or null"
STATUS: Final = "400 to 599"


class FaultError(ValueError):
    """A fault order that cannot be filled; the text says what would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """A kind of fault: its stage, one sentence, and the parameters it takes with their kinds."""

    stage: str
    says: str
    params: Mapping[str, str] = field(default_factory=dict)


_WORDS: Final = {"words": TEXT, "code": TEXT}

FAULTS: Final[Mapping[str, FaultSpec]] = {
    "model_down": FaultSpec(stage="create", says="Refused: the model or version is not available."),
    "unauthorized": FaultSpec(
        stage="create",
        says="401 as for a wrong key; `on` widens it to polls or all calls.",
        params={"on": STAGE},
    ),
    "no_credit": FaultSpec(stage="create", says="Refused: the account has no credit left."),
    "invalid_request": FaultSpec(stage="create", says="Refused by the vendor's own input validation."),
    "rate_limited": FaultSpec(
        stage="create",
        says="429, with `retry_after` seconds told as the vendor tells them (null: not told).",
        params={"retry_after": NUMBER_OR_NULL, "on": STAGE},
    ),
    "error_500_before_accept": FaultSpec(stage="create", says="500, and nothing was started or billed."),
    "disconnect_before_accept": FaultSpec(
        stage="create", says="The connection drops after the request was read; nothing was started."
    ),
    "slow_accept": FaultSpec(
        stage="delay",
        says="The job is accepted `seconds` late, even when the client has gone.",
        params={"seconds": NUMBER},
    ),
    "error_500_after_accept": FaultSpec(
        stage="answer",
        says="500, or another `status`, although the job was accepted and is billed.",
        params={"status": STATUS},
    ),
    "disconnect_after_accept": FaultSpec(
        stage="answer",
        says="The job is accepted and billed, then the connection drops without one byte of answer.",
    ),
    "slow_answer": FaultSpec(
        stage="answer",
        says="The job is accepted at once, the answer comes `seconds` later.",
        params={"seconds": NUMBER},
    ),
    "malformed_body": FaultSpec(
        stage="answer",
        says="The job is accepted, and the answer is a success status with JSON cut in the middle.",
    ),
    "failed": FaultSpec(
        stage="job",
        says="The job ends as failed; `transient` picks words that the vendor calls worth a retry.",
        params={"transient": FLAG, **_WORDS},
    ),
    "moderated_input": FaultSpec(
        stage="job", says="The job is accepted and then fails because the input was refused.", params=_WORDS
    ),
    "moderated_output": FaultSpec(
        stage="job", says="The job runs to its end and fails because the output was refused.", params=_WORDS
    ),
    "stuck": FaultSpec(stage="job", says="The job runs and never ends."),
    "long_queue": FaultSpec(
        stage="job",
        says="The job waits `seconds` longer in the queue before it runs.",
        params={"seconds": NUMBER},
    ),
    "unknown_status": FaultSpec(
        stage="poll",
        says="The state is a `word` that no SDK knows; `times` counts polls.",
        params={"word": TEXT},
    ),
    "poll_500": FaultSpec(stage="poll", says="500 when the job's state is read; `times` counts polls."),
    "malformed_poll": FaultSpec(
        stage="poll", says="200 with JSON cut in the middle when the job's state is read."
    ),
    "gone": FaultSpec(
        stage="poll", says="404 when the job's state is read, as if the vendor had never seen it."
    ),
    "list_500": FaultSpec(stage="list", says="500 when jobs are listed."),
    "list_late": FaultSpec(
        stage="list", says="Jobs younger than `seconds` are missing from lists.", params={"seconds": NUMBER}
    ),
    "expired_output": FaultSpec(
        stage="download", says="The output's URL has expired; `times` counts downloads, not URLs."
    ),
    "output_short": FaultSpec(
        stage="download",
        says="The download ends before the promised Content-Length and the connection closes.",
    ),
    "output_not_video": FaultSpec(stage="download", says="The download is a web page with status 200."),
    "slow_download": FaultSpec(
        stage="download", says="The download starts `seconds` late.", params={"seconds": NUMBER}
    ),
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order. `left` is how often it still strikes, None for ever; `params` are as ordered.

    With a `share` (above 0, at most 1) it strikes in that share of the cases, drawn with its `seed`.
    """

    id: int
    provider: str
    name: str
    model: str | None = None
    times: int | None = None
    left: int | None = None
    share: float | None = None
    seed: int = 0
    params: Mapping[str, object] = field(default_factory=dict)
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def strikes(self) -> bool:
        """Whether it strikes this time; with a share, the next draw says so."""
        return self.share is None or self._random.random() < self.share

    @property
    def stages(self) -> tuple[str, ...]:
        """Where it strikes; `on` replaces the kind's own stage."""
        on = self.params.get("on")
        if on == "all":
            return ("create", "poll", "list", "call")
        return (on,) if isinstance(on, str) else (FAULTS[self.name].stage,)

    def seconds(self, default: float = 1.0) -> float:
        value = self.params.get("seconds", default)
        return float(value) if isinstance(value, int | float) else default

    def status(self, default: int = 500) -> int:
        value = self.params.get("status", default)
        return value if isinstance(value, int) else default

    def text(self, param: str, default: str) -> str:
        value = self.params.get(param)
        return value if isinstance(value, str) else default

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "provider": self.provider,
            "model": self.model,
            "fault": self.name,
            "times": self.times,
            "left": self.left,
            **({} if self.share is None else {"share": self.share, "seed": self.seed}),
            **self.params,
        }


class FaultBoard:
    """The orders in force, oldest first. Safe to use from several threads."""

    def __init__(self, providers: Iterable[str]) -> None:
        self._providers = tuple(providers)
        self._orders: list[Fault] = []
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def add(
        self,
        provider: str,
        fault: str,
        *,
        model: str | None = None,
        times: int | None = None,
        share: float | None = None,
        seed: int = 0,
        **params: object,
    ) -> Fault:
        """Order a fault for jobs of `provider` whose model word starts with `model`. Raises FaultError."""
        _check(self._providers, provider, fault, model, times, params)
        _check_share(share, seed)
        order = Fault(
            id=next(self._ids),
            provider=provider,
            name=fault,
            model=model,
            times=times,
            left=times,
            share=share,
            seed=seed,
            params=params,
        )
        with self._lock:
            self._orders.append(order)
        return order

    def take(self, provider: str, model: str | None, stage: str) -> Fault | None:
        """The oldest order that strikes here, counted down by one; None when there is none."""
        with self._lock:
            for order in self._orders:
                if order.provider != provider or order.left == 0 or stage not in order.stages:
                    continue
                if order.model is not None and not (model or "").startswith(order.model):
                    continue
                if not order.strikes():
                    continue
                if order.left is not None:
                    order.left -= 1
                return order
        return None

    def listing(self) -> list[dict[str, object]]:
        with self._lock:
            return [order.as_json() for order in self._orders]

    def clear(self, provider: str | None = None) -> None:
        with self._lock:
            self._orders = [
                order for order in self._orders if provider is not None and order.provider != provider
            ]


def _check(
    providers: tuple[str, ...],
    provider: object,
    fault: object,
    model: object,
    times: object,
    params: Mapping[str, object],
) -> None:
    if provider not in providers:
        raise FaultError(f"unknown provider {provider!r}; this simulator serves {', '.join(providers)}")
    if not isinstance(fault, str) or fault not in FAULTS:
        raise FaultError(f"unknown fault {fault!r}; known are {', '.join(FAULTS)}")
    if model is not None and not isinstance(model, str):
        raise FaultError(f"model must be text, not {model!r}")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise FaultError(f"times must be a whole number of 1 or more, or left out for ever, not {times!r}")
    known = FAULTS[fault].params
    for name, value in params.items():
        if name not in known:
            takes = ", ".join(known) or "no parameters"
            raise FaultError(f"{fault} does not know {name!r}; it takes {takes}")
        if not _fits(known[name], value):
            raise FaultError(f"{name} of {fault} must be {known[name]}, not {value!r}")


def _check_share(share: object, seed: object) -> None:
    if share is not None and (
        isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1
    ):
        raise FaultError(f"share must be above 0 and at most 1, or left out for always, not {share!r}")
    if type(seed) is not int:
        raise FaultError(f"seed must be a whole number, not {seed!r}")


def _fits(kind: str, value: object) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == STAGE:
        return value in ("create", "poll", "all")
    if kind == STATUS:
        return isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599
    if kind == NUMBER_OR_NULL and value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0

"""Every fault of every simulated vendor has its documented exit code, and no attempt is charged twice.

Each day another vendor meets each fault; ANYVIDEO_FAULTS_RUNS=full lets all of them meet all, and
ANYVIDEO_FAULTS_SEED repeats a day.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from anyvideo.testing.simulator import FAULTS, SimulatorServer

Run = Callable[..., Any]

MODELS = {"luma": "luma/ray-flash-2", "replicate": "replicate/cogvideox-t2v", "runway": "runway/gen4.5"}
DONE, FAILED, HELD, STILL_RUNNING = 0, 4, 6, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, how the command ends, and how many generations the vendor accepted.

    One that is `slow` waits for real seconds: it is played in full runs only.
    """

    fault: str
    code: int
    accepted: int = 1
    times: int | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    timeout: float = 20.0
    vendors: tuple[str, ...] = tuple(MODELS)
    also: str | None = None
    note: str = ""
    slow: bool = False

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.fault, self.also, self.note)))


LISTING, UNLISTED = ("luma", "replicate"), ("runway",)
AT_ONCE = {"retry_after": 0}
LATE = {"seconds": 0.3}
CASES = (
    Case(fault="model_down", code=FAILED, accepted=0),
    Case(fault="unauthorized", code=FAILED, accepted=0),
    Case(fault="no_credit", code=FAILED, accepted=0),
    Case(fault="invalid_request", code=FAILED, accepted=0),
    Case(
        fault="rate_limited", code=DONE, times=1, params={"retry_after": 0}, vendors=("replicate", "runway")
    ),
    Case(fault="rate_limited", code=HELD, accepted=0, times=1, timeout=1.0, vendors=("luma",)),
    Case(fault="error_500_before_accept", code=HELD, accepted=0, timeout=1.0),
    Case(fault="disconnect_before_accept", code=HELD, accepted=0, timeout=1.0),
    Case(fault="slow_accept", code=DONE, params=LATE),
    Case(fault="error_500_after_accept", code=DONE, vendors=LISTING, note="and-listed"),
    Case(fault="error_500_after_accept", code=HELD, vendors=UNLISTED),
    Case(fault="disconnect_after_accept", code=DONE, vendors=LISTING, note="and-listed"),
    Case(fault="disconnect_after_accept", code=HELD, vendors=UNLISTED),
    Case(fault="disconnect_after_accept", also="list_500", code=HELD, timeout=1.0, vendors=LISTING),
    Case(fault="malformed_body", code=DONE, vendors=LISTING, note="and-listed"),
    Case(fault="malformed_body", code=HELD, vendors=UNLISTED),
    Case(fault="slow_answer", code=DONE, params=LATE),
    Case(fault="failed", code=FAILED),
    Case(fault="failed", code=FAILED, params={"transient": True}, accepted=2, note="and-worth-a-retry"),
    Case(fault="failed", code=DONE, params={"transient": True}, accepted=2, times=1, note="once"),
    Case(fault="moderated_input", code=FAILED),
    Case(fault="moderated_output", code=FAILED),
    Case(fault="stuck", code=STILL_RUNNING, timeout=0.8),
    Case(fault="long_queue", code=DONE, params=LATE),
    Case(fault="unknown_status", code=DONE, times=2),
    Case(fault="poll_500", code=DONE, times=1),
    Case(fault="malformed_poll", code=DONE, times=1),
    Case(fault="gone", code=DONE, times=1, timeout=30.0, note="once", slow=True),
    Case(fault="gone", code=STILL_RUNNING, timeout=1.5, note="not-yet-for-good"),
    Case(fault="list_500", code=DONE),
    Case(fault="list_late", code=DONE, params={"seconds": 60}),
    Case(fault="expired_output", code=DONE, times=1),
    Case(fault="output_short", code=DONE, times=1),
    Case(fault="output_not_video", code=DONE, times=1),
    Case(fault="slow_download", code=DONE, params=LATE),
    Case(fault="expired_output", code=STILL_RUNNING, timeout=1.5, note="for-good"),
)


def test_every_fault_that_the_simulators_know_is_in_the_table() -> None:
    assert {case.fault for case in CASES} == set(FAULTS)


FULL = os.environ.get("ANYVIDEO_FAULTS_RUNS") == "full"
SEED = int(os.environ.get("ANYVIDEO_FAULTS_SEED", time.strftime("%Y%m%d")))
PLAYED = [
    (vendor, case)
    for number, case in enumerate(CASES, SEED)
    if FULL or not case.slow
    for vendor in (case.vendors if FULL else (case.vendors[number % len(case.vendors)],))
]


def test_every_fault_is_met_by_at_least_one_vendor() -> None:
    assert {case.fault for _, case in PLAYED} == set(FAULTS)


@pytest.mark.parametrize(
    ("vendor", "case"),
    [pytest.param(vendor, case, id=f"{vendor}-{case.name}") for vendor, case in PLAYED],
)
def test_a_fault_has_its_exit_code_and_charges_no_attempt_twice(
    server: SimulatorServer, run: Run, vendor: str, case: Case
) -> None:
    server.fault(vendor, case.fault, times=case.times, **case.params)
    if case.also is not None:
        server.fault(vendor, case.also)
    before = len(server.ledger())
    done = run(
        *("generate", f"a red fox meets {case.name}", "-m", MODELS[vendor], "--json"),
        *("--timeout", case.timeout, "--poll-interval", 0.02),
    )
    assert done.code == case.code, f"ANYVIDEO_FAULTS_SEED={SEED}\n{done.out}{done.err}"
    lines = server.ledger()[before:]
    assert len(lines) == case.accepted
    document = done.document
    assert ("error" in document) == (case.code != DONE)
    attempts = document["attempts"]
    assert len(lines) <= len(attempts)
    known = {attempt["provider_job_id"] for attempt in attempts} - {None}
    assert known <= {line.provider_job_id for line in lines}
    if case.code == DONE:
        billed = sum(float(line.amount or 0) for line in lines)
        assert float(document["cost"]["amount"]) == pytest.approx(billed, rel=0.2)

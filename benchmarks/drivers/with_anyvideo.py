"""One call with anyvideo. The model is the argument, everything else its default."""

from __future__ import annotations

import sys

from common import PROMPT, run

from anyvideo import Client, Event, EventKind, OutcomeUnknown


def call() -> str:
    seen: list[Event] = []
    with Client(on_event=seen.append) as client:
        try:
            client.generate(PROMPT, models=sys.argv[1], duration=5)
        except OutcomeUnknown as unknown:
            held = client.job(unknown.job_id).attempts
            return "held" if len(held) == 1 and held[0].hold_micros > 0 else "lost"
    lost = any(event.kind is EventKind.OUTCOME_UNKNOWN for event in seen)
    return "found again" if lost else "delivered"


run(call)

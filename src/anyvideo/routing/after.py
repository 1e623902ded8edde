"""What follows an error. One table: the engine obeys it, the docs print it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from anyvideo.types.plan import Candidate, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What an attempt that ended with an error leads to.

    `again`: whether the same model is bought once more. Free calls (poll, download) repeat until the timeout
    and come here only when they have given up. `then`: which candidate comes next. `remember`: the model
    counts as unavailable for a day. `money`: what becomes of the hold: released, as the vendor bills, held
    until somebody knows, or not touched.
    """

    again: Literal["never", "retry_after", "once_if_transient"]
    then: Literal["next", "other_vendor", "stop"]
    remember: bool = False
    money: Literal["released", "vendor", "held", "none"]


AFTER: Mapping[str, After] = {
    "BadRequest": After(again="never", then="next", money="released"),
    "AuthenticationFailed": After(again="never", then="other_vendor", money="released"),
    "NoCredit": After(again="never", then="other_vendor", money="released"),
    "Forbidden": After(again="never", then="other_vendor", money="released"),
    "RateLimited": After(again="retry_after", then="next", money="released"),
    "OverCapacity": After(again="retry_after", then="next", money="released"),
    "ModelUnavailable": After(again="never", then="next", remember=True, money="released"),
    "InputModerated": After(again="never", then="stop", money="vendor"),
    "OutputModerated": After(again="never", then="other_vendor", money="vendor"),
    "GenerationFailed": After(again="once_if_transient", then="next", money="vendor"),
    "PatienceOver": After(again="never", then="next", money="vendor"),
    "ResultGone": After(again="never", then="stop", money="vendor"),
    "NotAccepted": After(again="retry_after", then="next", money="released"),
    "ServiceError": After(again="never", then="stop", money="held"),
    "DownloadFailed": After(again="never", then="stop", money="none"),
}
"""By the error's class name. A paid result that is lost (ResultGone, DownloadFailed) is not bought twice."""


def next_candidate(
    plan: Plan,
    tried: Sequence[tuple[str, str]],
    after: After,
    failed_vendor: str,
    *,
    avoid: Collection[str] = (),
) -> Candidate | None:
    """The next ready candidate, or None where the job ends here.

    `tried` holds the model and the vendor of every attempt so far; `avoid` vendors that an earlier error
    ruled out, as `ruled_out` finds them.
    """
    if after.then == "stop":
        return None
    models = {model for model, _ in tried}
    vendors = {*avoid, failed_vendor} if after.then == "other_vendor" else set(avoid)
    for candidate in plan.ready:
        if candidate.model not in models and candidate.vendor not in vendors:
            return candidate
    return None


def ruled_out(failures: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Vendors that a job must not ask again, from (error class name, vendor) of its attempts."""
    return frozenset(vendor for kind, vendor in failures if AFTER[kind].then == "other_vendor")

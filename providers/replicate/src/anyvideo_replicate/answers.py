"""A prediction as Replicate tells it, read leniently."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from anyvideo.provider import (
    Failure,
    GenerationFailed,
    JobStatus,
    Output,
    Update,
    UsageValue,
    addresses_in,
    number_in,
    text_in,
    time_in,
)
from anyvideo_replicate.words import STATUSES, read_failure

RETENTION = timedelta(hours=1)
"""Inputs, outputs and logs of predictions made by API are removed then (data-retention page)."""

_USAGE = {
    "predict_time": "compute_seconds",
    "video_output_duration_seconds": "output_seconds",
    "resolution_target": "resolution",
    "with_audio": "audio",
}


def read_prediction(fields: Mapping[str, Any], *, now: datetime) -> Update:
    """What a prediction object says; fields that are missing or of another type count as not said."""
    native = text_in(fields, "status") or ""
    status = STATUSES.get(native, JobStatus.RUNNING)
    removed = fields.get("data_removed") is True
    outputs = _outputs(fields, now) if status is JobStatus.SUCCEEDED else ()
    failure = _failure(fields, native)
    return Update(
        status=status,
        native=native,
        outputs=outputs,
        usage=_usage(fields, native),
        failure=failure,
        gone=removed and not outputs and failure is None and status is not JobStatus.CANCELED,
        known_word=native in STATUSES,
    )


def version_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """The version that ran, for a Ref's `extra`; official models say "hidden"."""
    version = text_in(fields, "version")
    return {} if version is None else {"version": version}


def _failure(fields: Mapping[str, Any], native: str) -> Failure | None:
    if native == "failed":
        return read_failure(text_in(fields, "error"))
    if native == "aborted":  # changelog of 2025-10-16: canceled is billed, aborted is not
        return Failure.of(GenerationFailed("aborted before it started", code="aborted", charged="no"))
    return None


def _outputs(fields: Mapping[str, Any], now: datetime) -> tuple[Output, ...]:
    expires_at = min(time_in(fields, "completed_at") or now, now) + RETENTION
    return tuple(Output(url=address, expires_at=expires_at) for address in addresses_in(fields.get("output")))


def _usage(fields: Mapping[str, Any], native: str) -> dict[str, UsageValue]:
    """Replicate's own metrics, under our words where we have one; a number that is no measure is left out."""
    metrics = fields.get("metrics")
    unstarted = native in ("aborted", "canceled") and text_in(fields, "started_at") is None
    usage: dict[str, UsageValue] = {"compute_seconds": 0.0} if unstarted else {}
    for name, value in metrics.items() if isinstance(metrics, dict) else ():
        said = isinstance(value, str | bool) or number_in(metrics, name) is not None
        if isinstance(name, str) and said:
            usage[_USAGE.get(name, name)] = value
    return usage

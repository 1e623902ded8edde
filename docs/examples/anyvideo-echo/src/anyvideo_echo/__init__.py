"""Echo, an invented vendor, as a plugin of anyvideo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyvideo import provider as av

STATUSES: Mapping[str, av.JobStatus] = {
    "waiting": av.JobStatus.QUEUED,
    "drawing": av.JobStatus.RUNNING,
    "done": av.JobStatus.SUCCEEDED,
    "broken": av.JobStatus.FAILED,
    "stopped": av.JobStatus.CANCELED,
}
ERRORS: Mapping[str, type[av.ProviderError]] = {"no_money": av.NoCredit, "no_such_model": av.ModelUnavailable}
FAILURES: Mapping[str, type[av.ProviderError]] = {
    "prompt_refused": av.InputModerated,
    "clip_withheld": av.OutputModerated,
}


class Echo(av.HTTPProvider):
    name = "echo"
    base_url = "https://api.echo.example/v1"
    base_url_variable = "ECHO_BASE_URL"
    key_variables = ("ECHO_API_KEY",)
    statuses = STATUSES
    errors = ERRORS
    refusals = (av.Refusal(status=429, source="docs.echo.example/limits: turned down, not started"),)
    media = av.MediaRules(data_uri_bytes=1_000_000)
    cancels: av.Cancels = "stops"
    simulator = "anyvideo_echo.simulator:create"

    def submit_request(self, order: av.Order) -> av.HTTPRequest:
        return av.HTTPRequest(method="POST", path="/clips", json={"model": order.spec.slug, **order.inputs})

    def fetch_request(self, ref: av.Ref) -> av.HTTPRequest:
        return av.HTTPRequest(method="GET", path=f"/clips/{ref.job_id}")

    def cancel_request(self, ref: av.Ref) -> av.HTTPRequest:
        return av.HTTPRequest(method="POST", path=f"/clips/{ref.job_id}/stop")

    def parse(self, fields: Mapping[str, Any]) -> av.Update:
        code, word = av.text_in(fields, "code"), fields.get("state")
        kind = FAILURES.get(code or "", av.GenerationFailed)
        failure = kind(
            av.text_in(fields, "reason") or "no reason given", code=code, charged="no", stage="poll"
        )
        video, progress = av.addresses_in(fields.get("video")), av.number_in(fields, "progress")
        return self.reading(word, addresses=video, progress=progress, error=failure)


@av.hookimpl
def anyvideo_providers() -> list[av.ProviderPlugin]:
    return [Echo.plugin()]

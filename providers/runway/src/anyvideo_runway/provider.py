"""Orders and answers, translated for Runway's official SDK (`runwayml` 5.24).

Inputs travel under Runway's own names in `extra_body`: the SDK's parameters are the same words in another
spelling, and its unions check little. The SDK's retries are off, its polling helpers are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from anyvideo.provider import (
    Cost,
    CostBasis,
    Failure,
    JobStatus,
    ModelUnavailable,
    NoCredit,
    Order,
    Output,
    ProviderContext,
    ProviderError,
    Ref,
    RefusedByVendor,
    Reply,
    ResultGone,
    ServiceError,
    Submission,
    Update,
    addresses_in,
    cost_micros,
    explain_status,
    job_id_in,
    json_object,
    number_in,
    text_in,
)
from anyvideo_runway.words import NO_CREDIT, STATUSES, read_failure

if TYPE_CHECKING:
    from runwayml import AsyncRunwayML

OUTPUT_LIFE = timedelta(hours=24)
DOLLARS_PER_CREDIT = Decimal("0.01")


class Runway:
    """Tasks of one organization."""

    def __init__(self, context: ProviderContext) -> None:
        from runwayml import AsyncRunwayML

        self._context = context
        key = context.key
        self._client: AsyncRunwayML = AsyncRunwayML(
            api_key=key.get_secret_value() if key else None,
            base_url=context.base_url,
            http_client=context.http,
            max_retries=0,
        )

    async def submit(self, order: Order) -> Submission:
        """POST the task; the answer names it and the most it can cost."""
        inputs = {name: value for name, value in order.inputs.items() if value is not None}
        client: Any = self._client
        if "image" in order.media:
            picture = order.media["image"]
            call = client.image_to_video.create(
                model=order.spec.slug, prompt_image=picture, extra_body=inputs
            )
        else:
            call = client.text_to_video.create(model=order.spec.slug, extra_body=inputs)
        fields = json_object(await self._context.exchange(call))
        ref = Ref(job_id=job_id_in(fields), model=order.spec.slug)
        return Submission(ref=ref, update=Update(status=JobStatus.QUEUED, native="PENDING"))

    async def fetch(self, ref: Ref) -> Update:
        """GET the task; a finished one gets fresh addresses each time."""
        reply = await self._known(self._client.tasks.retrieve(ref.job_id))
        return _gone() if reply is None else self._update(json_object(reply))

    async def cancel(self, ref: Ref) -> Update:
        """DELETE the task. Runway deletes a finished one with its output, so fetch first."""
        reply = await self._known(self._client.tasks.delete(ref.job_id))
        return _gone() if reply is None else Update(status=JobStatus.CANCELED, native="deleted")

    async def _known(self, call: Any) -> Reply | None:
        try:
            return await self._context.exchange(call)
        except RefusedByVendor as refused:
            if refused.reply.status != 404:
                raise
            return None

    async def upload(self, content: bytes, *, content_type: str, filename: str) -> str:
        """Ask for a place, put the file there without the key, and return its `runway://` address."""
        body = {"filename": filename, "type": "ephemeral"}
        place = json_object(
            await self._context.exchange(self._client.post("/v1/uploads", cast_to=object, body=body))
        )
        target, address, form = text_in(place, "uploadUrl"), text_in(place, "runwayUri"), place.get("fields")
        if target is None or address is None or not isinstance(form, dict):
            raise ServiceError("Runway named no place for the upload", transient=True)
        file = {"file": (filename, content, content_type)}
        await self._context.exchange(self._context.outputs.post(target, data=form, files=file))
        return address

    def explain(self, reply: Reply) -> ProviderError:
        """By status; a 400 can also mean an empty account or a model that Runway does not have."""
        message = text_in(reply.body, "error") or text_in(reply.body, "message")
        issues = _issues(reply.body)
        told = "; ".join(text for issue in issues if (text := text_in(issue, "message")))
        meaning: type[ProviderError] | None = None
        if reply.status == 400 and NO_CREDIT.search(message or ""):
            meaning = NoCredit
        elif reply.status == 400 and any(issue.get("path") == ["model"] for issue in issues):
            meaning = ModelUnavailable
        shown = f"{message}: {told}" if message and told else message or told or None
        return explain_status(reply, shown, meaning=meaning)

    async def aclose(self) -> None:
        """Nothing to close: the connections are the context's."""

    def _update(self, fields: Mapping[str, Any]) -> Update:
        native = text_in(fields, "status") or ""
        status = STATUSES.get(native, JobStatus.RUNNING)
        spent = number_in(fields.get("cost"), "credits")
        outputs: tuple[Output, ...] = ()
        failure: Failure | None = None
        if status is JobStatus.SUCCEEDED:
            expires_at = self._context.clock.now() + OUTPUT_LIFE
            found = addresses_in(fields.get("output"))
            outputs = tuple(Output(url=address, expires_at=expires_at) for address in found)
        elif status is JobStatus.FAILED:
            failure = read_failure(text_in(fields, "failureCode"), text_in(fields, "failure"), spent)
        return Update(
            status=status,
            native=native,
            progress=_progress(fields),
            outputs=outputs,
            usage={} if spent is None else {"credits": spent},
            reported_cost=_reported(spent),
            failure=failure,
            known_word=native in STATUSES,
        )


def _gone() -> Update:
    lost = ResultGone("Runway does not know this task, or it was deleted", status=404, stage="poll")
    return Update(status=JobStatus.FAILED, native="404", gone=True, failure=Failure.of(lost))


def _issues(body: Any) -> list[dict[str, Any]]:
    issues = body.get("issues") if isinstance(body, dict) else None
    return [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []


def _progress(fields: Mapping[str, Any]) -> float | None:
    progress = number_in(fields, "progress")
    return None if progress is None else min(progress, 1.0)


def _reported(spent: float | None) -> Cost | None:
    """`cost.credits` of a finished task is what was charged; fully refunded tasks say 0 (SDK docstring)."""
    if spent is None:
        return None
    dollars = Decimal(str(spent)) * DOLLARS_PER_CREDIT
    return Cost(micros=cost_micros(dollars), basis=CostBasis.REPORTED)

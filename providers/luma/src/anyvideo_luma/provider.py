"""Orders and answers, translated for Luma's official SDK (`lumaai` 1.21).

Inputs travel under Luma's own names in `extra_body`. The SDK's retries are off; what its models make of an
answer is left aside, because every field of theirs may be None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anyvideo.provider import (
    Failure,
    Found,
    InputValue,
    JobStatus,
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
    explain_status,
    job_id_in,
    json_object,
    text_in,
    time_in,
)
from anyvideo_luma.words import STATUSES, read_failure, refusal_kind

if TYPE_CHECKING:
    from lumaai import AsyncLumaAI

PAGE = 100
MOST_PAGES = 200
_NOT_INPUTS = frozenset({"model", "generation_type", "callback_url"})


class Luma:
    """Generations of one account."""

    def __init__(self, context: ProviderContext) -> None:
        from lumaai import AsyncLumaAI

        self._context = context
        key = context.key
        self._client: AsyncLumaAI = AsyncLumaAI(
            auth_token=key.get_secret_value() if key else None,
            base_url=context.base_url,
            http_client=context.http,
            max_retries=0,
        )

    async def submit(self, order: Order) -> Submission:
        """POST the generation. A callback address that the caller has comes back in lists, tag and all."""
        body = _body(order.inputs)
        if order.callback_url is not None:
            body["callback_url"] = order.callback_url
        client: Any = self._client
        call = client.generations.create(model=order.spec.slug, extra_body=body)
        fields = json_object(await self._context.exchange(call))
        ref = Ref(job_id=job_id_in(fields), model=order.spec.slug)
        return Submission(ref=ref, update=_update(fields))

    async def fetch(self, ref: Ref) -> Update:
        """GET the generation."""
        reply = await self._known(self._client.generations.get(ref.job_id))
        return _gone() if reply is None else _update(json_object(reply))

    async def cancel(self, ref: Ref) -> Update:
        """DELETE the generation, finished or not. What that does to its charge is not documented."""
        reply = await self._known(self._client.generations.delete(ref.job_id))
        return _gone() if reply is None else Update(status=JobStatus.CANCELED, native="deleted")

    async def _known(self, call: Any) -> Reply | None:
        try:
            return await self._context.exchange(call)
        except RefusedByVendor as refused:
            if refused.reply.status != 404:
                raise
            return None

    async def find(self, since: datetime) -> Sequence[Found]:
        """Generations created since then, with their inputs as Luma echoes them.

        Raises ServiceError where not all of them could be read.
        """
        found: list[Found] = []
        offset = 0
        for _ in range(MOST_PAGES):
            call = self._client.generations.list(limit=PAGE, offset=offset)
            page = json_object(await self._context.exchange(call))
            results = page.get("generations")
            if not isinstance(results, list):
                raise ServiceError("Luma's list has no generations", transient=True)
            seen = [_found(item) for item in results]
            offset += len(seen)
            found += [one for one in seen if one.created_at >= since]
            more = page.get("has_more")
            if not (seen if more is None else more) or any(one.created_at < since for one in seen):
                return sorted(found, key=lambda one: one.created_at, reverse=True)
        raise ServiceError("Luma's list is too long to be read to the end", transient=True)

    def explain(self, reply: Reply) -> ProviderError:
        """By status, and by the text where that says more: Luma documents neither codes nor statuses."""
        detail = text_in(reply.body, "detail")
        return explain_status(reply, detail, meaning=refusal_kind(reply.status, detail))

    async def aclose(self) -> None:
        """Nothing to close: the connections are the context's."""


def _body(inputs: Mapping[str, InputValue]) -> dict[str, Any]:
    """Luma's body: a dotted name is nested, and a keyframe's address becomes an image object."""
    body: dict[str, Any] = {}
    for name, value in inputs.items():
        if value is None:
            continue
        outer, dot, inner = name.partition(".")
        if dot:
            nested = body.setdefault(outer, {})
            nested[inner] = {"type": "image", "url": value} if outer == "keyframes" else value
        else:
            body[name] = value
    return body


def _inputs(request: object) -> dict[str, object]:
    """The echoed request under the names of `_body`'s argument."""
    inputs: dict[str, object] = {}
    for name, value in request.items() if isinstance(request, dict) else ():
        if name in _NOT_INPUTS or value is None:
            continue
        if name == "keyframes" and isinstance(value, dict):
            inputs |= {f"{name}.{place}": text_in(frame, "url") for place, frame in value.items() if frame}
        else:
            inputs[name] = value
    return inputs


def _found(item: object) -> Found:
    created = time_in(item, "created_at")
    if not isinstance(item, dict) or created is None or text_in(item, "id") is None:
        raise ServiceError("Luma lists a generation without an id or a time", transient=True)
    request = item.get("request")
    model = text_in(item, "model") or text_in(request, "model") or ""
    callback = text_in(request, "callback_url")
    return Found(
        ref=Ref(job_id=job_id_in(item), model=model),
        update=_update(item),
        created_at=created,
        inputs=_inputs(request),
        tag=urlsplit(callback).path.rpartition("/")[2] or None if callback else None,
    )


def _update(fields: Mapping[str, Any]) -> Update:
    native = text_in(fields, "state") or ""
    status = STATUSES.get(native, JobStatus.RUNNING)
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    if status is JobStatus.SUCCEEDED:
        assets = fields.get("assets")
        video = assets.get("video") if isinstance(assets, dict) else None
        outputs = tuple(Output(url=address) for address in addresses_in(video))
    elif status is JobStatus.FAILED:
        failure = read_failure(text_in(fields, "failure_reason"))
    return Update(
        status=status, native=native, outputs=outputs, failure=failure, known_word=native in STATUSES
    )


def _gone() -> Update:
    lost = ResultGone("Luma does not know this generation, or it was deleted", status=404, stage="poll")
    return Update(status=JobStatus.FAILED, native="404", gone=True, failure=Failure.of(lost))

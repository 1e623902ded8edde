"""Vendors whose numbers, words and dates cannot be true: nothing is lost or leaked, and no budget opens."""

from __future__ import annotations

import json
import pickle
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from anyvideo import AllModelsFailed, Budget, BudgetExceeded, CostBasis, DownloadFailed, JobStatus

from .conftest import House

pytestmark = pytest.mark.anyio
RUNWAY, LUMA, SEEDANCE = "runway/gen4.5", "luma/ray-flash-2", "replicate/seedance-1-lite"
KEY = "key_CANARY1234567890CANARY1234567890"
HALF_EMOJI = "\ud83e"


@pytest.fixture(autouse=True)
def any_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers as a careless vendor writes them: halves of characters, and numbers beyond every float."""
    from starlette.responses import JSONResponse

    def render(_: JSONResponse, content: Any) -> bytes:
        return json.dumps(content).replace("Infinity", "1e999").encode()

    monkeypatch.setattr(JSONResponse, "render", render)


def says(house: House, provider: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Let a vendor's answers about jobs be changed before they leave."""
    vendor = next(one for one in house.server.world.vendors if one.name == provider)
    show = vendor.show

    def changed(*arguments: Any) -> dict[str, Any]:
        fields = dict(show(*arguments))
        change(fields)
        return fields

    vendor.show = changed  # type: ignore[method-assign]


def measures(**metrics: object) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        if fields.get("status") == "succeeded":
            fields["metrics"] = {**(fields.get("metrics") or {}), **metrics}

    return change


async def test_a_negative_length_opens_no_budget(house: House) -> None:
    says(house, "replicate", measures(video_output_duration_seconds=-1.0))
    async with house.client(budgets=[Budget("0.20")]) as client:
        first = await client.generate("fox", models=SEEDANCE, duration=5)
        assert first.cost.micros > 0
        with pytest.raises(BudgetExceeded):
            await client.generate("owl", models=SEEDANCE, duration=5)
    assert len(house.charges()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predict_time", float("inf")),
        ("video_output_duration_seconds", -1e6),
        ("video_output_duration_seconds", 1e30),
        pytest.param("never_heard_of", 10**400, id="beyond every float"),
    ],
)
async def test_an_impossible_measure_is_left_out(house: House, name: str, value: float) -> None:
    says(house, "replicate", measures(**{name: value}))
    async with house.client() as client:
        video = await client.generate("fox", models=SEEDANCE, duration=5)
        assert 0 < video.cost.micros < 1_000_000
    async with house.client() as client:
        (job,) = await client.jobs()
    assert job.status is JobStatus.SUCCEEDED


async def test_an_impossible_bill_is_not_believed(house: House) -> None:
    def change(fields: dict[str, Any]) -> None:
        if fields.get("status") == "SUCCEEDED":
            fields["cost"] = {"credits": 1e15}

    says(house, "runway", change)
    async with house.client() as client:
        video = await client.generate("fox", models=RUNWAY, duration=5)
    assert video.cost.basis is not CostBasis.REPORTED
    assert str(video.cost.amount) == house.billed()


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "2999-01-01T00:00:00Z", "0001-01-02T00:00:00Z"])
async def test_an_impossible_date_loses_no_clip(house: House, moment: str) -> None:
    def change(fields: dict[str, Any]) -> None:
        if fields.get("status") == "succeeded":
            fields["completed_at"] = moment

    says(house, "replicate", change)
    async with house.client() as client:
        video = await client.generate("fox", models=SEEDANCE, duration=5)
    assert video.path.exists()


async def test_half_a_character_in_a_failure_stops_no_chain(house: House) -> None:
    def change(fields: dict[str, Any]) -> None:
        if fields.get("status") == "FAILED":
            fields["failure"] = f"cannot draw \x1b[2J a fox {HALF_EMOJI}"

    says(house, "runway", change)
    house.server.world.faults.add("runway", "failed")
    async with house.client() as client:
        video = await client.generate("fox", models=[RUNWAY, LUMA], duration=5)
        (job,) = await client.jobs()
    assert video.model == LUMA
    message = job.attempts[0].failure.message  # type: ignore[union-attr]
    assert message.isprintable()
    assert "a fox" in message


async def test_half_a_character_in_the_answer_to_a_submit_loses_no_handle(house: House) -> None:
    says(house, "replicate", lambda fields: fields.update(version=f"v{HALF_EMOJI}"))
    async with house.client() as client:
        video = await client.generate("fox", models=SEEDANCE, duration=5)
    assert video.path.exists()
    assert len(house.charges()) == 1


async def test_a_key_in_a_vendors_words_goes_no_further(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    def change(fields: dict[str, Any]) -> None:
        if fields.get("status") == "FAILED":
            fields["failure"] = f"Incorrect API key provided: {KEY}; also as {KEY[:-3]}"

    caplog.set_level("DEBUG")
    says(house, "runway", change)
    house.server.world.faults.add("runway", "failed")
    async with house.client(environ={"RUNWAYML_API_SECRET": KEY}) as client:
        with pytest.raises(AllModelsFailed) as caught:
            await client.generate("fox", models=RUNWAY, duration=5)
        (job,) = await client.jobs()
    part = KEY[4:24]
    assert "Incorrect API key provided" in str(caught.value.exceptions[0])
    assert part.encode() not in pickle.dumps(caught.value)
    told = [repr(job), repr(house.events), caplog.text, repr(caught.value.exceptions)]
    assert not any(part in text for text in told)
    files = [path for path in house.folder.rglob("*") if path.is_file()]
    assert not any(part.encode() in path.read_bytes() for path in files)


async def test_a_key_in_the_answer_to_a_second_fetch_goes_no_further(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivered clip that is gone is asked for again, and the vendor refuses in its own words."""
    async with house.client(environ={"RUNWAYML_API_SECRET": KEY}) as client:
        video = await client.generate("fox", models=RUNWAY, duration=5)
        for path in house.folder.rglob("*.mp4"):
            path.unlink()
        refuse_with(monkeypatch, f"Incorrect API key provided: {KEY}")
        house.server.fault("runway", "poll_500")
        with pytest.raises(DownloadFailed, match="Incorrect API key provided") as caught:
            await client.wait(video.job_id)
    assert KEY[4:24] not in str(caught.value)


def refuse_with(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Let every error that a vendor answers with say these words."""
    from starlette.responses import JSONResponse

    render = JSONResponse.render

    def changed(answer: JSONResponse, content: Any) -> bytes:
        return render(answer, {**content, "error": words} if "error" in content else content)

    monkeypatch.setattr(JSONResponse, "render", changed)


async def test_one_job_that_cannot_be_driven_holds_up_no_recovery(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin with a mistake in how it reads a refusal."""
    async with house.client() as client:
        bad = await client.submit("bad", models=SEEDANCE, duration=5)
        good = await client.submit("good", models=RUNWAY, duration=5)
        for job in (bad, good):
            while (await client.job(job)).attempts[-1].ref is None:
                await house.clock.sleep(0.5)
    monkeypatch.setattr("anyvideo_replicate.provider.Replicate.explain", _broken)
    house.server.world.faults.add("replicate", "unauthorized", on="poll")
    async with house.client() as client:
        found = {one.job.id: one for one in await client.recover(timeout=900)}
    assert found[good.id].outcome == "delivered"
    assert found[bad.id].outcome == "stopped"
    assert "RecursionError" in (found[bad.id].problem or "")


def _broken(*_: object) -> None:
    raise RecursionError("a plugin with a mistake")


async def test_a_record_that_cannot_be_read_hides_no_other(house: House) -> None:
    async with house.client() as client:
        bad = await client.submit("bad", models=SEEDANCE, duration=5)
        good = await client.submit("good", models=RUNWAY, duration=5)
    with sqlite3.connect(house.folder / "jobs.db") as sql:
        sql.execute("UPDATE jobs SET document = '{}' WHERE id = ?", (bad.id,))
    sql.close()
    async with house.client() as client:
        assert [job.id for job in await client.jobs()] == [good.id]
        (found,) = await client.recover(timeout=900)
    assert found.outcome == "delivered"

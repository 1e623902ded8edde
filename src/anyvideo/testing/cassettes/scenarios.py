"""The cassettes that every provider has, each replayed by both clients from one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import anyio
import pytest

from anyvideo.plugins import Plugins
from anyvideo.testing.modes import MARKER
from anyvideo.types.errors import (
    AllModelsFailed,
    BadRequest,
    GenerationFailed,
    InputModerated,
    JobCanceled,
    NoCredit,
    OutcomeUnknown,
    ProviderError,
)
from anyvideo.types.video import Video

POLL_SECONDS: Final = 20.0
"""Time is virtual: few polls make short cassettes."""

_cassette: pytest.MarkDecorator = getattr(pytest.mark, MARKER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A delivered clip, and its file's content."""

    video: Video
    content: bytes


class ProviderCassettes:
    """Subclass it in a test module as `TestCassettes`, with the provider and the model to buy from.

    The model must take a prompt alone. `wish` holds more arguments of `generate`. Record with
    `pytest --anyvideo-record=simulator`; of a live recording, only the success is made.
    """

    provider: ClassVar[str]
    model: ClassVar[str]
    prompt: ClassVar[str] = "a red fox crosses a frozen lake at dawn"
    wish: ClassVar[Mapping[str, Any]] = {"duration": 5}

    @pytest.fixture(params=["Client", "AsyncClient"])
    def buy(
        self,
        request: pytest.FixtureRequest,
        video_client: Callable[..., Any],
        async_video_client: Callable[..., Any],
    ) -> Callable[..., Bought]:
        """`generate`, by one client and by the other."""

        def with_client(**options: Any) -> Bought:
            video = video_client(models=self.model).generate(self.prompt, **self._options(options))
            return Bought(video=video, content=video.path.read_bytes())

        def with_async_client(**options: Any) -> Bought:
            async def main() -> Bought:
                async with async_video_client(models=self.model) as client:
                    video = await client.generate(self.prompt, **self._options(options))
                    return Bought(video=video, content=await anyio.Path(video.path).read_bytes())

            return anyio.run(main)

        return with_client if request.param == "Client" else with_async_client

    @_cassette("success")
    def test_success(self, buy: Callable[..., Bought]) -> None:
        """A prompt becomes a file that was paid once."""
        bought = buy()
        assert bought.video.model == self.model
        assert bought.content[4:8] == b"ftyp", "what was downloaded is no MP4 file"
        assert len(bought.video.attempts) == 1
        assert bought.video.cost.amount > 0, "a vendor's clip costs something"

    @_cassette("failure")
    def test_failure(self, buy: Callable[..., Bought], fault: Callable[..., object]) -> None:
        """A failed generation says why, in a typed error."""
        fault(self.provider, "failed")
        self._fails(buy, GenerationFailed, BadRequest)

    @_cassette("moderation")
    def test_moderation(self, buy: Callable[..., Bought], fault: Callable[..., object]) -> None:
        """A refused prompt is an InputModerated, and is not tried again."""
        fault(self.provider, "moderated_input")
        self._fails(buy, InputModerated)

    @_cassette("rate-limit")
    def test_rate_limit(self, buy: Callable[..., Bought], fault: Callable[..., object]) -> None:
        """A 429 is waited for and sent again where the vendor documents that it started nothing.

        Elsewhere it is ambiguous: the job ends without a second order.
        """
        fault(self.provider, "rate_limited", times=1, retry_after=5)
        if any(refusal.status == 429 for refusal in Plugins.discover().get(self.provider).refusals):
            [attempt] = buy().video.attempts
            assert attempt.sends == 2, "a refused order is sent again, in the same attempt"
        else:
            with pytest.raises((AllModelsFailed, OutcomeUnknown)):
                buy()

    @_cassette("no-credit")
    def test_no_credit(self, buy: Callable[..., Bought], fault: Callable[..., object]) -> None:
        """An empty account is a NoCredit, and nothing was charged."""
        fault(self.provider, "no_credit")
        assert self._fails(buy, NoCredit).charged == "no"

    @_cassette("cancel")
    def test_cancel(self, buy: Callable[..., Bought], fault: Callable[..., object]) -> None:
        """A job that takes too long is canceled at the vendor."""
        fault(self.provider, "stuck")
        with pytest.raises(JobCanceled):
            buy(timeout=70, on_timeout="cancel")

    def _options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"poll_interval": POLL_SECONDS, **self.wish, **options}

    def _fails(self, buy: Callable[..., Bought], *kinds: type[ProviderError]) -> ProviderError:
        with pytest.raises(AllModelsFailed) as caught:
            buy()
        [cause] = caught.value.exceptions
        expected = " or ".join(kind.__name__ for kind in kinds)
        assert isinstance(cause, kinds), f"expected {expected}, not {type(cause).__name__}: {cause}"
        assert cause.provider == self.provider
        return cause

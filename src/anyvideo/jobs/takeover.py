"""A job whose key was replaced goes on under the new key, once the account is shown to be the same."""

from __future__ import annotations

from dataclasses import replace

from anyvideo.jobs.backends import Backend, Backends
from anyvideo.jobs.look import look, went_wrong
from anyvideo.jobs.recovery import stranger
from anyvideo.jobs.turn import Turn
from anyvideo.types.errors import ConfigurationError
from anyvideo.types.job import Attempt, Failure, Ref, Write
from anyvideo.types.states import TERMINAL

TAKEOVER = "takeover"
_NOT_OURS = frozenset({401, 403, 404})


async def take_over(turn: Turn, backends: Backends) -> None:
    """Make the attempt under way the present key's own, in one fenced write.

    The vendor must show its job to the present key. What has no job id there yet is taken over on the
    caller's word: see `on_the_callers_word`. Raises ConfigurationError where it is not ours, and a
    ProviderError where the vendor could not be asked; the job is left as it was then.
    """
    attempt = turn.job.attempt
    if attempt is None or attempt.account is None or attempt.state in TERMINAL:
        return
    mine = backends.account(attempt.provider)
    if mine.origin != attempt.account.origin:
        raise stranger(turn.job, backends) or AssertionError("another address is out of reach")
    if attempt.ref is not None:
        await _check_shown(turn, await backends.get(attempt.provider), attempt, attempt.ref)
    history = (*attempt.writes, Write(name=TAKEOVER, at=turn.clock.now()))
    taken = replace(attempt, account=mine, writes=history)
    if attempt.ref is None:
        await turn.save(taken)
    elif not await turn.adopt(taken):
        raise ConfigurationError(
            f"the vendor's job {attempt.ref.job_id} belongs to another attempt here", field="take_over"
        )


def on_the_callers_word(attempt: Attempt) -> bool:
    """Whether a lost submit was sent with another key than the present one, and only the caller says that
    both are one account: what a list does not show then may exist all the same.
    """
    names = [write.name for write in attempt.writes]
    return TAKEOVER in names[len(names) - names[::-1].index("W2") :] if "W2" in names else False


async def _check_shown(turn: Turn, backend: Backend, attempt: Attempt, ref: Ref) -> None:
    """The proof: a free look at the vendor's own job with the present key."""
    try:
        update = await look(backend, ref)
    except Exception as error:
        raise _refused(turn, attempt, went_wrong(backend, error, stage="poll")) from error
    if update.gone:
        raise _not_ours(turn, f"{attempt.provider} does not know its job under this key")


def _refused(turn: Turn, attempt: Attempt, failure: Failure) -> Exception:
    if failure.status in _NOT_OURS:
        return _not_ours(turn, f"{attempt.provider} refuses to show its job to this key: {failure.message}")
    failure = replace(failure, hint="nothing was changed: try again")
    return failure.error(provider=attempt.provider, model=attempt.model)


def _not_ours(turn: Turn, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"job {turn.job.id} is left alone: {why}",
        field="take_over",
        hint="use the key that it was submitted with",
    )

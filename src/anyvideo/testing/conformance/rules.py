"""The rules of a provider, by the anchor under which docs/providers.md explains them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn

PAGE: Final = "docs/providers.md"

RULES: Final[Mapping[str, str]] = {
    "facts": "A plugin is plain facts that agree with each other; nothing is opened to read them.",
    "catalog": "Every declared model can be planned for, with a source and the day it was checked.",
    "prices": "A model has dated prices with a source, or the samples name it as unpriced.",
    "costs": "What an attempt cost is reported or computed, and it is what the vendor bills.",
    "simulator": "A plugin ships its vendor's API as a simulator, which bills from its own table.",
    "translation": "The same order is the same bytes, the same answer the same update; nothing is changed.",
    "whole-order": "Everything that was planned is sent in the model's own words, and nothing is invented.",
    "handle": "The Ref alone finds the job again, from another process too.",
    "statuses": "Every word of the vendor is in the table; one that is not counts as running.",
    "life-cycle": "A job is followed to its end: outputs with addresses, failures with a reason.",
    "moderation": "Refused inputs and withheld outputs are told apart, and neither is worth a retry.",
    "charges": "What a failure says about money agrees with the vendor's bill; unknown is an answer.",
    "expiry": "Where results do not live for ever, each output says until when it does.",
    "cancel": "Cancel does what the plugin declares, can be confirmed by a fetch, and may be asked twice.",
    "one-post": "A submit sends one POST and nothing else, whatever happens.",
    "write-ahead": "Nothing leaves before `before_send` has returned; what it raises stops the submit.",
    "lost-answers": "A submit without a readable answer raises: nobody may take it for accepted or refused.",
    "refusals": "Only answers for which the vendor documents that nothing was started count as refusals.",
    "errors": "Every refusal has its type, from codes and statuses, with the wait that the vendor asks for.",
    "explain": "`explain` is pure, copes with any body, and never calls a 5xx free of charge.",
    "polls": "A poll that fails raises; it never ends a job.",
    "secrets": "The key travels in headers only: in no address, body, error, repr or log line.",
    "transport": "Every call goes through the context's transport, once, inside the call that asked for it.",
    "no-waiting": "A provider never sleeps, retries or polls: the engine does.",
    "no-blocking": "Nothing holds up the event loop: no blocking calls, and no long computation.",
    "no-environment": "A provider takes key and base URL from its context, never from the environment.",
    "closing": "`aclose` leaves no socket, task or file open.",
    "two-loops": "A plugin can be opened again, in another loop or for another account, without mixing them.",
    "uploads": "A provider that uploads returns an address, and the media rules say how much it takes.",
    "listing": "A provider that lists tells every recent job once, newest first, with its inputs.",
    "describing": "A provider that describes names a model's newest version, or says that there is none.",
    "webhooks": "A delivery counts by its signature over the raw body, in time, and says what a poll says.",
}
"""One sentence each. A failure of the suite names the anchor."""


class RuleBroken(AssertionError):
    """A rule that a provider breaks: what was expected, what happened, where the rule stands."""

    def __init__(self, rule: str, *, expected: str, got: str) -> None:
        super().__init__(f"expected: {expected}\n     got: {got}\n    rule: {PAGE}#{rule}: {RULES[rule]}")
        self.rule = rule


def require(holds: object, rule: str, *, expected: str, got: object) -> None:
    """Raises RuleBroken where it does not hold."""
    __tracebackhide__ = True
    if not holds:
        raise RuleBroken(rule, expected=expected, got=got if isinstance(got, str) else repr(got))


def broken(rule: str, *, expected: str, got: str, cause: BaseException | None = None) -> NoReturn:
    """Raises RuleBroken."""
    __tracebackhide__ = True
    raise RuleBroken(rule, expected=expected, got=got) from cause


@contextmanager
def calmly(rule: str, *, expected: str) -> Iterator[None]:
    """Whatever the provider raises inside breaks the rule."""
    __tracebackhide__ = True
    try:
        yield
    except RuleBroken:
        raise
    except Exception as error:
        raise RuleBroken(rule, expected=expected, got=told(error)) from error


def told(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}"


def all_told(error: BaseException) -> Iterator[str]:
    """Everything that an error and what led to it say."""
    chain: BaseException | None = error
    for _ in range(10):
        if chain is None:
            return
        yield str(chain)
        yield repr(chain)
        yield repr(vars(chain))
        yield " ".join(getattr(chain, "__notes__", ()))
        chain = chain.__cause__ or chain.__context__

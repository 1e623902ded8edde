from __future__ import annotations

import inspect
import re

import anyvideo
from anyvideo import AsyncClient, Client


def public(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in vars(cls).items()
        if callable(member) and not name.startswith("_")
    }


def test_both_clients_take_the_same_arguments() -> None:
    blocking, asynchronous = public(Client), public(AsyncClient)
    assert asynchronous.pop("aclose").parameters.keys() == blocking.pop("close").parameters.keys()
    assert {name: signature.parameters for name, signature in blocking.items()} == {
        name: signature.parameters for name, signature in asynchronous.items()
    }


def test_both_clients_are_made_alike() -> None:
    assert inspect.signature(Client.__init__).parameters == inspect.signature(AsyncClient.__init__).parameters


def test_docstrings_come_along() -> None:
    for name in public(Client).keys() - {"close"}:
        assert getattr(Client, name).__doc__ == getattr(AsyncClient, name).__doc__ != None  # noqa: E711


def test_what_the_methods_return_is_at_the_front_door() -> None:
    returned = {str(method.return_annotation) for method in public(AsyncClient).values()}
    words = {word for text in returned for word in re.findall(r"[A-Z]\w+", text)}
    assert words - {"None"} <= set(anyvideo.__all__)

from __future__ import annotations

import inspect
import pickle

import pytest

import anyvideo
from anyvideo.types import errors
from anyvideo.types.job import Failure

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.AnyVideoError) and cls.__module__.startswith(errors.__name__)
]


def sample(cls: type[errors.AnyVideoError]) -> errors.AnyVideoError:
    if cls is errors.AllModelsFailed:
        causes = [errors.NoCredit("no money", provider="acme", status=402)]
        return errors.AllModelsFailed("every model failed", causes, job_id="job_1", hint="top up")
    if cls is errors.MissingExtra:
        return errors.MissingExtra("media", "a contact sheet")
    if issubclass(cls, errors.JobError):
        return cls("it stands there", job_id="job_1", hint="resume it")
    return cls("it went wrong", hint="do this")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_survives_pickling_and_says_the_way_out(cls: type[errors.AnyVideoError]) -> None:
    error = sample(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert (str(copy), copy.message, copy.hint, copy.field) == (
        str(error),
        error.message,
        error.hint,
        error.field,
    )
    assert error.hint
    assert error.hint in str(error)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_stands_in_the_tree_of_the_docstring_and_in_the_front_door(
    cls: type[errors.AnyVideoError],
) -> None:
    assert f" {cls.__name__} " in f" {errors.__doc__} ".replace("\n", " ")
    assert getattr(anyvideo, cls.__name__) is cls


def test_yours_and_theirs_are_separate_branches() -> None:
    for cls in CLASSES:
        assert not (issubclass(cls, errors.UsageError) and issubclass(cls, errors.ProviderError))


def test_all_models_failed_is_caught_by_class_and_split_by_cause() -> None:
    causes = [errors.NoCredit("no money"), errors.GenerationFailed("broke")]
    with pytest.raises(errors.AllModelsFailed) as caught:
        raise errors.AllModelsFailed("every model failed", causes, job_id="job_1")
    matched, rest = caught.value.split(errors.NoCredit)
    assert matched is not None
    assert rest is not None
    assert isinstance(matched, errors.AllModelsFailed)
    assert matched.job_id == rest.job_id == "job_1"
    assert isinstance(caught.value, errors.JobError)


@pytest.mark.parametrize("name", sorted(errors.PROVIDER_ERRORS))
def test_a_provider_error_survives_as_data(name: str) -> None:
    cls = errors.PROVIDER_ERRORS[name]
    error = cls("broke", code="E1", status=500, stage="poll", charged="yes", transient=True, retry_after=2.0)
    again = Failure.of(error).error(provider="acme", model="acme/one")
    assert type(again) is cls
    assert (again.code, again.status, again.stage, again.charged, again.retry_after) == (
        "E1", 500, "poll", "yes", 2.0,
    )  # fmt: skip
    assert (again.provider, again.model) == ("acme", "acme/one")

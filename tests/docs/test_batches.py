"""The page on batches and the document of `anyvideo batch` say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyvideo.settings.profiles import BUILT_IN

from .test_examples import answer, documented, same_keys

PAGE = Path(__file__).parents[2] / "docs" / "batches.md"


def test_the_batch_document_has_the_documented_keys(reader: Path) -> None:
    same_keys(documented("batch"), answer("batch", "clips.yaml"))


@pytest.mark.parametrize("column", [1, 2])
def test_the_table_of_profiles_is_the_built_in_data(column: int) -> None:
    table = PAGE.read_text("utf-8").partition("| | development")[2].partition("\n\n")[0]
    said = [row.split("|")[1 + column].strip() for row in table.splitlines()[2:]]
    profile = BUILT_IN[("development", "production")[column - 1]]
    values = [profile[key] for key in ("size", "fps", "max_duration", "concurrency", "steps", "motion")]
    assert [word.split()[0] for word in said[:6]] == [str(value) for value in values]
    assert ("cheapest" in said[6]) == (profile.get("policy") == "cheapest")
    assert said[7] == f"{profile['budget']} USD"

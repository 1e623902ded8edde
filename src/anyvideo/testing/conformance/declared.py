"""What a plugin declares: read without opening anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from anyvideo.catalog.spec import ModelSpec, ModelStatus
from anyvideo.plugins.found import check
from anyvideo.provider import ProviderPlugin
from anyvideo.testing.conformance.rules import calmly, require
from anyvideo.testing.conformance.samples import Samples
from anyvideo.types.states import JobStatus

MEANINGS = frozenset(JobStatus) - {JobStatus.UNKNOWN}


class Declared:
    """Facts, catalog, prices."""

    def test_the_facts_agree_with_each_other(self, plugin: ProviderPlugin) -> None:
        """Name, catalog, keys and addresses fit together."""
        with calmly("facts", expected="a name, and a catalog of the same provider and vendor"):
            check(plugin)
        if plugin.needs_key:
            require(
                plugin.base_url_variable and (plugin.default_base_url or "").startswith("https://"),
                "facts",
                expected="a provider with a key names its https base URL and the variable that moves it",
                got=f"{plugin.default_base_url!r} and {plugin.base_url_variable!r}",
            )
        require(
            plugin.recovery.kind in ("nothing", "in_process") or plugin.recovery.source,
            "facts",
            expected=f"recovery by {plugin.recovery.kind} names where the vendor documents it",
            got="no source",
        )

    def test_the_status_table_speaks_of_every_end(self, plugin: ProviderPlugin) -> None:
        """Words map to our words; success and failure are among them."""
        meanings = set(plugin.statuses.values())
        require(
            meanings <= MEANINGS,
            "statuses",
            expected="statuses map to queued, running, succeeded, failed or canceled",
            got=f"{sorted(map(str, meanings - MEANINGS))}",
        )
        missing = {JobStatus.SUCCEEDED, JobStatus.FAILED} - meanings
        require(
            not missing,
            "statuses",
            expected="a word for success and one for failure",
            got=f"none for {missing}",
        )

    def test_refusals_have_a_source(self, plugin: ProviderPlugin) -> None:
        """A refusal is the vendor's promise, so it says where the vendor makes it."""
        for refusal in plugin.refusals:
            require(
                refusal.source.strip(),
                "refusals",
                expected=f"the refusal by {refusal.status} says where the vendor documents it",
                got="no source",
            )

    def test_the_catalog_has_models_that_can_be_used(self, plugin: ProviderPlugin, samples: Samples) -> None:
        """Every model takes its own smallest clip, for each of its tasks."""
        usable = [spec for spec in plugin.catalog.models if spec.status is not ModelStatus.RETIRED]
        require(usable, "catalog", expected="at least one model that is not retired", got="none")
        fits = list(samples.fits(plugin))
        require(fits, "catalog", expected="at least one task that a request can ask for", got="none")

    def test_models_and_prices_are_dated_and_sourced(self, plugin: ProviderPlugin, samples: Samples) -> None:
        """A price is worth what its date and its source are worth."""
        for spec in plugin.catalog.models:
            _check_dated("catalog", spec.id, spec)
            _check_priced(spec, samples)
            for price in spec.prices:
                tomorrow = datetime.now(UTC).date() + timedelta(days=1)
                require(
                    price.checked <= tomorrow and price.source.strip(),
                    "prices",
                    expected=f"{spec.id}: each price has a source and the day it was checked",
                    got=f"{price.source!r}, {price.checked}",
                )


def _check_dated(rule: str, name: str, spec: ModelSpec) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    require(
        spec.checked <= tomorrow and spec.source.strip(),
        rule,
        expected=f"{name} has a source and the day it was checked, which is not in the future",
        got=f"{spec.source!r}, {spec.checked}",
    )


def _check_priced(spec: ModelSpec, samples: Samples) -> None:
    unpriced = spec.name in samples.unpriced
    require(
        bool(spec.prices) != unpriced,
        "prices",
        expected=f"{spec.id} has prices, or stands in Samples(unpriced=…), and not both",
        got=f"{len(spec.prices)} prices, unpriced={unpriced}",
    )

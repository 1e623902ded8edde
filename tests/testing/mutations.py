"""Ways to break a provider, one rule at a time: edits to what `anyvideo new-provider` writes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

PROVIDER = "src/anyvideo_acme/provider.py"
MODELS = "src/anyvideo_acme/models.toml"
CLASS_END = "    def failure(self, fields: object)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What is done to the plugin, and the rules of which one at least must be named."""

    name: str
    rules: tuple[str, ...]
    file: str
    old: str
    new: str


def edit(name: str, rules: str, old: str, new: str, *, file: str = PROVIDER) -> Mutation:
    return Mutation(name=name, rules=tuple(rules.split()), file=file, old=old, new=new)


def method(name: str, rules: str, code: str) -> Mutation:
    """A method more, or one of the base class done otherwise."""
    return edit(name, rules, CLASS_END, f"{indent(dedent(code).strip(), '    ')}\n\n{CLASS_END}")


SUBMIT = 'return HTTPRequest(method="POST", path="/videos", json={"model": order.spec.slug, **order.inputs})'
FETCH = 'return HTTPRequest(method="GET", path=f"/videos/{ref.job_id}")'
KEY = "self.context.key.get_secret_value()"

MUTATIONS = (
    method(
        "swallow-a-lost-answer",
        "lost-answers errors",
        """
        async def submit(self, order):
            from anyvideo.provider import Submission
            try:
                return await super().submit(order)
            except Exception:
                ref = Ref(job_id="unknown", model=order.spec.slug)
                return Submission(ref=ref, update=Update(status=JobStatus.QUEUED, native="queued"))
        """,
    ),
    method(
        "retry-the-post",
        "one-post",
        """
        async def submit(self, order):
            try:
                return await super().submit(order)
            except Exception:
                return await super().submit(order)
        """,
    ),
    method(
        "poll-in-submit",
        "one-post",
        """
        async def submit(self, order):
            submission = await super().submit(order)
            await self.fetch(submission.ref)
            return submission
        """,
    ),
    method(
        "sleep-in-submit",
        "no-waiting",
        """
        async def submit(self, order):
            import asyncio
            await asyncio.sleep(0.01)
            return await super().submit(order)
        """,
    ),
    method(
        "block-in-fetch",
        "no-waiting",
        """
        async def fetch(self, ref):
            import time
            time.sleep(0.01)
            return await super().fetch(ref)
        """,
    ),
    method(
        "wait-on-the-clock",
        "no-waiting",
        """
        async def fetch(self, ref):
            await self.context.clock.sleep(5)
            return await super().fetch(ref)
        """,
    ),
    method(
        "retry-a-poll",
        "no-waiting",
        """
        async def fetch(self, ref):
            try:
                return await super().fetch(ref)
            except Exception:
                return await super().fetch(ref)
        """,
    ),
    method(
        "leak-the-key-in-an-error",
        "secrets",
        f"""
        def explain(self, reply):
            error = super().explain(reply)
            error.args = (f"{{error.message}} (with the key {{{KEY}}})",)
            return error
        """,
    ),
    edit("key-in-the-address", "secrets", FETCH, f'{FETCH[:-1]}, query={{"key": {KEY}}})'),
    edit("key-in-the-body", "secrets", SUBMIT, SUBMIT.replace("**order", f'"key": {KEY}, **order')),
    method(
        "keep-the-key-in-the-open",
        "secrets",
        f"""
        def __init__(self, context):
            super().__init__(context)
            self.credentials = {{"key": {KEY}}}
        """,
    ),
    method(
        "log-the-key",
        "secrets",
        f"""
        async def fetch(self, ref):
            import logging
            logging.getLogger(__name__).debug("with %s", {KEY})
            return await super().fetch(ref)
        """,
    ),
    edit(
        "unknown-word-is-failed",
        "statuses",
        'fields.get("status"),',
        'fields.get("status") if fields.get("status") in STATUSES else "failed",',
    ),
    edit("a-word-is-missing", "statuses", '    "processing": JobStatus.RUNNING,\n', ""),
    edit(
        "a-word-is-wrong", "life-cycle", '"completed": JobStatus.SUCCEEDED', '"completed": JobStatus.RUNNING'
    ),
    method(
        "forget-to-close",
        "closing",
        """
        async def fetch(self, ref):
            import asyncio
            from urllib.parse import urlsplit
            place = urlsplit(self.context.base_url)
            self.spare = await asyncio.open_connection(place.hostname, place.port)
            return await super().fetch(ref)
        """,
    ),
    method(
        "forget-a-task",
        "closing",
        """
        async def fetch(self, ref):
            import asyncio
            self.task = asyncio.create_task(asyncio.Event().wait())
            return await super().fetch(ref)
        """,
    ),
    edit(
        "read-the-environment",
        "no-environment",
        SUBMIT,
        f"import os; os.environ.get('ACME_API_KEY')\n        {SUBMIT}",
    ),
    edit(
        "own-client",
        "transport",
        CLASS_END,
        indent(
            dedent(
                f"""
                async def fetch(self, ref):
                    import httpx
                    async with httpx.AsyncClient() as http:
                        headers = {{"authorization": f"Bearer {{{KEY}}}"}}
                        url = f"{{self.context.base_url}}/videos/{{ref.job_id}}"
                        answer = await http.get(url, headers=headers)
                    return self._dated(self.parse(answer.json()))
                """
            ).strip(),
            "    ",
        )
        + f"\n\n{CLASS_END}",
    ),
    method(
        "blocking-socket",
        "no-blocking",
        """
        async def fetch(self, ref):
            import socket
            from urllib.parse import urlsplit
            place = urlsplit(self.context.base_url)
            socket.create_connection((place.hostname, place.port)).close()
            return await super().fetch(ref)
        """,
    ),
    edit(
        "a-500-is-a-refusal",
        "refusals",
        "refusals = (",
        'refusals = (Refusal(status=500, source="it looks like one"), ',
    ),
    edit(
        "a-refusal-without-source", "refusals", "refusals = (", 'refusals = (Refusal(status=409, source=""), '
    ),
    method(
        "a-500-is-free",
        "explain errors",
        """
        def explain(self, reply):
            error = super().explain(reply)
            error.charged = "no"
            return error
        """,
    ),
    method(
        "explain-trusts-the-body",
        "explain",
        """
        def complaint(self, reply):
            return reply.body["error"]["code"], reply.body["error"]["message"]
        """,
    ),
    edit(
        "a-code-is-misread",
        "errors",
        '"insufficient_credit": NoCredit',
        '"insufficient_credit": ModelUnavailable',
    ),
    method(
        "retry-after-is-ignored",
        "errors",
        """
        def explain(self, reply):
            error = super().explain(reply)
            error.retry_after = None
            return error
        """,
    ),
    edit("transient-is-forgotten", "errors", 'frozenset({"internal_error"})', "frozenset()"),
    edit("moderation-is-a-failure", "moderation", '    "prompt_rejected": InputModerated,\n', ""),
    edit("a-failure-is-charged", "charges", 'charged="no"', 'charged="yes"'),
    edit(
        "another-length-is-bought",
        "whole-order",
        SUBMIT,
        SUBMIT.replace("**order.inputs", '**order.inputs, "duration": 10'),
    ),
    edit(
        "a-callback-is-invented",
        "whole-order",
        SUBMIT,
        SUBMIT.replace("**order", '"callback_url": "https://hooks.example/1", **order'),
    ),
    edit(
        "a-random-body",
        "translation",
        SUBMIT,
        "import uuid\n        " + SUBMIT.replace("**order", '"nonce": uuid.uuid4().hex, **order'),
    ),
    edit(
        "the-order-is-changed",
        "translation",
        SUBMIT,
        f'order.fit.inputs["prompt"] += ", in colour"\n        {SUBMIT}',
    ),
    method(
        "jobs-only-in-memory",
        "handle",
        """
        def reference(self, fields, order):
            ref = super().reference(fields, order)
            self.__dict__.setdefault("jobs", {})[ref.job_id] = ref
            return ref

        async def fetch(self, ref):
            return await super().fetch(self.jobs[ref.job_id])
        """,
    ),
    method(
        "one-key-for-all",
        "two-loops",
        """
        keys = []

        def __init__(self, context):
            from dataclasses import replace
            self.keys.append(context.key)
            super().__init__(replace(context, key=self.keys[0]))
        """,
    ),
    method(
        "a-lock-of-the-first-loop",
        "two-loops life-cycle",
        """
        loops = []

        async def fetch(self, ref):
            import asyncio
            self.loops.append(asyncio.get_running_loop())
            if self.loops[0].is_closed():
                raise RuntimeError("the loop is closed")
            return await super().fetch(ref)
        """,
    ),
    method("no-expiry", "expiry", "def _dated(self, update):\n    return update"),
    method(
        "poll-trouble-is-swallowed",
        "polls",
        """
        async def fetch(self, ref):
            try:
                return await super().fetch(ref)
            except Exception:
                return Update(status=JobStatus.RUNNING, native="processing")
        """,
    ),
    method(
        "a-404-is-an-error",
        "life-cycle",
        """
        async def _known(self, request):
            return await self.call(request)
        """,
    ),
    edit(
        "cancel-asks-only",
        "cancel",
        'method="POST", path=f"/videos/{ref.job_id}/cancel"',
        'method="GET", path=f"/videos/{ref.job_id}"',
    ),
    edit("cancel-is-not-declared", "cancel", 'cancels: Cancels = "stops"', 'cancels: Cancels = "none"'),
    edit("a-price-is-wrong", "costs", 'amount = "0.02"', 'amount = "0.03"', file=MODELS),
    edit(
        "a-price-of-tomorrow",
        "prices",
        'when = { resolution = "480p" }\nchecked = ',
        'when = { resolution = "480p" }\nchecked = 2099-01-01  # ',
        file=MODELS,
    ),
    edit("no-simulator", "simulator", 'simulator = "anyvideo_acme.simulator:create"', "simulator = None"),
)


def broken_copy(plugin: dict[str, str], mutation: Mutation, folder: Path) -> None:
    """Write the plugin with the mutation in it."""
    for path, text in plugin.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if path == mutation.file:
            assert mutation.old in text, f"{mutation.name} does not fit the template any more"
            file.write_text(text.replace(mutation.old, mutation.new, 1), "utf-8")
        else:
            file.write_text(text, "utf-8")


def run_suite(folder: Path) -> tuple[int, str]:
    """The plugin's conformance test, as its author runs it."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            "tests/test_conformance.py",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr

"""Ways to break a provider, one rule at a time."""

from __future__ import annotations

from textwrap import dedent, indent

from .breaking import CLASS_END, FETCH, KEY, MODELS, SUBMIT, edit, method

BUSY = "import time; until = time.thread_time() + 0.15\n{0}while time.thread_time() < until: pass\n{0}"

MUTATIONS = (
    method(
        "an-error-in-fetch",
        "life-cycle",
        """
        async def fetch(self, ref):
            update = await super().fetch(ref)
            return update.state
        """,
    ),
    method(
        "a-dictionary-from-cancel", "life-cycle", "async def cancel(self, ref): return {'status': 'canceled'}"
    ),
    method("an-error-when-opened", "life-cycle", "def __init__(self, context): self.context = context.htpp"),
    method("an-error-when-closed", "closing", "async def aclose(self): await self.http.aclose()"),
    method("explain-returns-text", "explain", "def explain(self, reply): return f'it said {reply.status}'"),
    edit("compute-before-the-post", "no-blocking", SUBMIT, f"{BUSY.format(' ' * 8)}{SUBMIT}"),
    edit(
        "compute-in-the-translation",
        "no-blocking",
        "        return self.reading(",
        f"        if fields.get('status') == 'completed':\n            {BUSY.format(' ' * 12)}\n"
        "        return self.reading(",
    ),
    method(
        "compute-after-the-answer",
        "no-blocking",
        f"""
        async def cancel(self, ref):
            update = await super().cancel(ref)
            {BUSY.format(" " * 12)}return update
        """,
    ),
    method(
        "wait-for-a-thread",
        "no-blocking",
        """
        async def fetch(self, ref):
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor() as pool:
                pool.submit(sum, range(10**6)).result()
            return await super().fetch(ref)
        """,
    ),
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
    edit(
        "cancel-destroys-a-paid-clip",
        "cancel",
        "world.stop(job)",
        "job.deleted = not world.stop(job)",
        file="src/anyvideo_acme/simulator.py",
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

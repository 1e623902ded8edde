"""Ways to break what a provider makes of webhooks.

What `anyvideo new-provider` writes receives none: here it is first made to.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import indent

from .breaking import CLASS_END, PROVIDER, SUBMIT, Mutation, edit

SUITE = "tests/test_conformance.py"
RECEIVE = """
def receive(self, delivery, *, secrets, now, window):
    from anyvideo.provider import BadDelivery, Notice, standard_webhook

    mark = standard_webhook(delivery, secrets=secrets, now=now, window=window)
    fields = delivery.json_object()
    ref = Ref(job_id=text_in(fields, "id") or "", model=text_in(fields, "model") or "")
    return Notice(ref=ref, update=self._dated(self.parse(fields)), id=mark)
"""
CHECKED = "standard_webhook(delivery, secrets=secrets, now=now, window=window)"
TOLD = "callback = {} if order.callback_url is None else {'callback_url': order.callback_url}"
SAMPLES = """
@pytest.fixture
def samples(self):
    from anyvideo.testing import Samples, standard_delivery

    return Samples(deliver=standard_delivery)
"""


def receiving(plugin: Mapping[str, str]) -> dict[str, str]:
    """The plugin with webhooks that keep every rule."""
    provider = plugin[PROVIDER].replace(CLASS_END, f"{indent(RECEIVE.strip(), '    ')}\n\n{CLASS_END}", 1)
    provider = provider.replace(
        SUBMIT, f"{TOLD}\n        {SUBMIT.replace('**order', '**callback, **order')}", 1
    )
    return {**plugin, PROVIDER: provider, SUITE: plugin[SUITE] + indent(SAMPLES, "    ")}


def webhook(name: str, old: str, new: str, *, file: str = PROVIDER) -> Mutation:
    """An edit to a provider that receives webhooks."""
    return edit(name, "webhooks", old, new, file=file)


MUTATIONS = (
    webhook("a-signature-is-not-asked-for", CHECKED, "delivery.headers.get('webhook-id')"),
    webhook("a-kept-delivery-counts", CHECKED, CHECKED.replace("window=window", "window=10**9")),
    webhook("a-window-of-its-own", CHECKED, CHECKED.replace("window=window", "window=300")),
    webhook(
        "a-clock-of-its-own",
        CHECKED,
        CHECKED.replace("now=now", "now=__import__('datetime').datetime.now().astimezone()"),
    ),
    webhook("only-the-first-secret", CHECKED, CHECKED.replace("secrets=secrets", "secrets=secrets[:1]")),
    webhook("no-secret-is-good-enough", CHECKED, f"{CHECKED} if secrets else ''"),
    webhook(
        "a-body-is-read-and-written-again",
        f"mark = {CHECKED}",
        "import json; from dataclasses import replace\n"
        "        body = json.dumps(delivery.json_object(), separators=(',', ':')).encode()\n"
        f"        mark = {CHECKED.replace('(delivery', '(replace(delivery, body=body)')}",
    ),
    webhook(
        "the-secret-in-an-error",
        f"mark = {CHECKED}",
        f"try: mark = {CHECKED}\n"
        "        except BadDelivery as error:\n"
        "            raise BadDelivery(f'{error}: {[one.get_secret_value() for one in secrets]}') from error",
    ),
    webhook(
        "the-right-signature-in-a-log",
        f"mark = {CHECKED}",
        "import base64, hmac, logging\n"
        "        for secret in secrets:\n"
        "            key = base64.b64decode(secret.get_secret_value()[6:])\n"
        "            head = [delivery.headers.get(f'webhook-{name}', '') for name in ('id', 'timestamp')]\n"
        "            right = hmac.digest(key, '.'.join([*head, '']).encode() + delivery.body, 'sha256')\n"
        "            logging.debug('expected v1,%s', base64.b64encode(right).decode())\n"
        f"        mark = {CHECKED}",
    ),
    webhook(
        "a-broken-delivery-is-a-crash",
        f"mark = {CHECKED}",
        f"int(delivery.headers['webhook-timestamp']); mark = {CHECKED}",
    ),
    webhook("an-unsigned-header-is-believed", "id=mark)", "id=delivery.headers.get('content-type'))"),
    webhook(
        "a-delivery-has-words-of-its-own",
        "self.parse(fields)), id",
        'self.parse(fields if fields.get("status") in STATUSES else {**fields, "status": "failed"})), id',
    ),
    webhook("a-delivery-of-another-job", '"id") or ""', '"model") or ""'),
    webhook("nobody-is-told-the-address", "**callback, ", ""),
    webhook("a-signature-is-not-shown", "deliver=standard_delivery", "", file=SUITE),
)

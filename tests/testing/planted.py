"""A server that keeps and tells secrets, and a client that sends them: seven places, seven secrets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import uvicorn
from httpx_aiohttp import AiohttpTransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRETS = {
    "header": "sk-planted-4Qz7Lm2Xw9Rt5Bv8Kc1H",
    "query": "q7planted3Vn8Zx2Lk5Tw",
    "request body": "whsec_b4planted9Hy6Uj3Gm7",
    "response body": "r2planted8Fd5Sa1Pq4Wz",
    "cookie": "c9planted6Re3Ty7Ui2Op",
    "signed address": "5f3a9c1e7b2d8f4a6c0e9b7d5f3a1c8e",
    "multipart": "m1planted5Zs8Xd2Cf6Vg",
}


def app() -> Starlette:
    """Answers every call; a job's answer holds a token and a signed address."""

    async def job(request: Request) -> Response:
        await request.body()
        signed = f"https://files.example/clip.mp4?X-Amz-Signature={SECRETS['signed address']}"
        answer = JSONResponse({"id": "job-1", "upload_token": SECRETS["response body"], "output": [signed]})
        answer.set_cookie("session", SECRETS["cookie"])
        return answer

    async def form(request: Request) -> Response:
        await request.body()
        return JSONResponse({"stored": True})

    return Starlette(routes=[Route("/jobs", job, methods=["POST"]), Route("/form", form, methods=["POST"])])


@contextmanager
def served() -> Iterator[str]:
    """The server's address while the block runs."""
    server = uvicorn.Server(uvicorn.Config(app(), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def send(base_url: str) -> list[Any]:
    """Two calls that carry the secrets, over the HTTP stack that anyvideo's own transport uses."""

    async def calls() -> list[Any]:
        transport = AiohttpTransport(client=aiohttp.ClientSession)
        async with httpx.AsyncClient(base_url=base_url, transport=transport) as http:
            job = await http.post(
                f"/jobs?api_key={SECRETS['query']}&size=small",
                headers={"x-api-key": SECRETS["header"], "cookie": f"session={SECRETS['cookie']}"},
                json={"prompt": "a fox", "webhook_secret": SECRETS["request body"]},
            )
            form = await http.post(
                "/form",
                data={"upload_token": SECRETS["multipart"]},
                files={"file": ("fox.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png")},
            )
            return [job.json(), form.json()]

    return asyncio.run(calls())

"""A queue on this machine that speaks fal's submit call, takes every request, and loses answers on order."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class FalQueue:
    """Counts accepted requests in `accepted`. `order` says how every answer after it is lost."""

    def __init__(self) -> None:
        self.accepted = 0
        self._fault: tuple[str, Mapping[str, object]] | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def order(self, fault: str | None, **parameters: object) -> None:
        """The same words as the simulators' faults; None: answer properly."""
        self._fault = None if fault is None else (fault, parameters)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        queue = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                with queue._lock:
                    queue.accepted += 1
                queue._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler

    def _answer(self, to: BaseHTTPRequestHandler) -> None:
        fault, parameters = self._fault or (None, {})
        if fault == "disconnect_after_accept":
            to.close_connection = True
            to.connection.shutdown(socket.SHUT_RDWR)
            return
        status = 200
        if fault == "slow_answer":
            time.sleep(float(str(parameters["seconds"])))
        elif fault == "error_500_after_accept":
            status = int(str(parameters.get("status", 500)))
        # fal's own errors are JSON; a 502 comes from the gateway before it, as a page of nginx.
        bodies = {200: self._body(to.path), 502: GATEWAY_PAGE}
        body = bodies.get(status, b'{"detail": "error"}')
        try:
            to.send_response(status)
            to.send_header("content-type", "text/html" if status == 502 else "application/json")
            to.send_header("content-length", str(len(body)))
            to.end_headers()
            to.wfile.write(body)
        except OSError:
            to.close_connection = True

    def _body(self, path: str) -> bytes:
        request_id = str(uuid.uuid4())
        here = f"{self.url}{path}/requests/{request_id}"
        return json.dumps(
            {
                "request_id": request_id,
                "status": "IN_QUEUE",
                "response_url": here,
                "status_url": f"{here}/status",
                "cancel_url": f"{here}/cancel",
            }
        ).encode()

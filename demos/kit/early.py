"""A script in the page's head that runs before Gradio's own.

Gradio's `head=` comes too late for that: its modules put it in when they have loaded themselves.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEAD = b"<head>"


class EarlyScript:
    """ASGI middleware: the app's page, and nothing else that it serves, with `script` first."""

    def __init__(self, app: ASGIApp, script: str) -> None:
        self._app = app
        self._insert = _HEAD + f"<script>{script}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
        await self._app(scope, receive, self._inserting(send) if page else send)

    def _inserting(self, send: Send) -> Send:
        held: list[Message] = []  # the answer until it is whole: its length comes first

        async def insert(message: Message) -> None:
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                start = held[0]
                body = b"".join(part.get("body", b"") for part in held[1:])
                body = body.replace(_HEAD, self._insert, 1)
                headers = MutableHeaders(raw=list(start["headers"]))
                headers["content-length"] = str(len(body))
                await send({**start, "headers": headers.raw})
                await send({**message, "body": body})

        return insert

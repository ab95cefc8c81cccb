"""What the API answers where it has no route, so that the page at ``/`` does not answer instead."""

from fastapi import HTTPException
from fastapi.routing import APIRouter, iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from marsam.messages import Message

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Fallback(BaseRoute):
    """The route after all others of the API, for every path that begins as one of theirs.

    A path with a slash at its end is the path without it: a redirect would lose the body of many
    clients, and name the wrong address behind a proxy. Another method is 405, another path 404.
    """

    def __init__(self, router: APIRouter) -> None:
        self.router, self.routes = router, list(router.routes)
        paths = [context.path or "" for context in iter_route_contexts(self.routes)]
        self.roots = {path.split("/")[1] for path in paths if path.startswith("/")}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a request to one of the API's paths, or below it."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        is_api = scope["type"] == "http" and path.lstrip("/").split("/")[0] in self.roots
        return Match.FULL if is_api else Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the path without its slash, or say what is wrong."""
        if scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/")
            await self.router(scope, receive, send)
            return
        allowed = [method for method in METHODS if self._is_allowed({**scope, "method": method})]
        if not allowed:
            raise HTTPException(404, Message("There is no such route."))
        sentence = Message("The method must be {methods}.", methods=allowed)
        raise HTTPException(405, sentence, {"Allow": ", ".join(allowed)})

    def _is_allowed(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in self.routes)

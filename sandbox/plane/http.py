"""HTTP in the stand-in: routes, JSON bodies, refusals, and a middleware that answers every error."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from aiohttp import web

#: The valid Host headers, by the rules of host names: no underscore.
HOST = re.compile(r"([a-z0-9.-]+|\[[a-f0-9:.]+\])(:[0-9]+)?", re.IGNORECASE)
BAD_HOST = "<!doctype html><html><body><h1>Bad Request (400)</h1></body></html>"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: The key under which a handler stores headers for its answer, refused or not.
ANSWER_HEADERS: ContextVar[dict[str, str]] = ContextVar("answer_headers")


class ApiError(Exception):
    """A refusal: a status and its JSON."""

    def __init__(self, status: int, payload: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, payload)
        self.status = status
        self.payload = payload
        self.headers = headers

    def response(self) -> web.Response:
        return web.json_response(self.payload, status=self.status, headers=self.headers)


def page_not_found() -> ApiError:
    return ApiError(404, {"error": "Page not found."})


def object_not_found() -> ApiError:
    """Return the app API's refusal; most of v1 has another text."""
    return ApiError(404, {"error": "The required object does not exist."})


def object_not_found_v1() -> ApiError:
    return ApiError(404, {"error": "The requested resource does not exist."})


def invalid_payload() -> ApiError:
    """Return Plane's refusal after its database refused a row."""
    return ApiError(400, {"error": "The payload is not valid"})


def invalid_detail() -> ApiError:
    """Return Plane's refusal of a value of the wrong type."""
    return ApiError(400, {"error": "Please provide valid detail"})


def something_went_wrong() -> ApiError:
    return ApiError(500, {"error": "Something went wrong please try again later"})


def not_authenticated() -> ApiError:
    return ApiError(401, {"detail": "Authentication credentials were not provided."})


def required_field(*names: str) -> ApiError:
    return ApiError(400, {name: ["This field is required."] for name in names})


def invalid_choice(name: str, value: object) -> ApiError:
    return ApiError(400, {name: [f'"{value}" is not a valid choice.']})


def too_long(name: str, limit: int) -> ApiError:
    return ApiError(400, {name: [f"Ensure this field has no more than {limit} characters."]})


def no_content() -> web.Response:
    return web.Response(status=204)


class Routes:
    """Handlers by method and path; any `{name}` in a path but `{slug}` stands for an id."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, str, Handler]] = []

    def on(self, method: str, template: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self._routes.append((method, template, handler))
            return handler

        return register

    def get(self, template: str) -> Callable[[Handler], Handler]:
        return self.on("GET", template)

    def post(self, template: str) -> Callable[[Handler], Handler]:
        return self.on("POST", template)

    def patch(self, template: str) -> Callable[[Handler], Handler]:
        return self.on("PATCH", template)

    def delete(self, template: str) -> Callable[[Handler], Handler]:
        return self.on("DELETE", template)

    def add_to(self, app: web.Application) -> None:
        for method, template, handler in self._routes:
            pattern = re.sub(r"\{(?!slug\})(\w+)\}", r"{\1:[0-9a-f-]+}", template)
            app.router.add_route(method, pattern, handler)


@web.middleware
async def wait_for_tables(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Without tables, only the probe succeeds (seen on every tried release)."""
    from .context import context_of  # which imports this module

    if request.path != "/" and not await context_of(request).follow_database():
        raise something_went_wrong()
    return await handler(request)


async def json_value(request: web.Request) -> Any:
    """The JSON of a request; an empty body is an empty object."""
    text = await request.text()
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError as error:
        raise ApiError(400, {"detail": f"JSON parse error - {error}"}) from error


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    body = await json_value(request)
    if not isinstance(body, dict):
        expected = f"Invalid data. Expected a dictionary, but got {type(body).__name__}."
        raise ApiError(400, {"non_field_errors": [expected]})
    return body


async def form_body(request: web.Request) -> dict[str, str]:
    return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}


def chosen_fields(request: web.Request, shape: dict[str, Any]) -> dict[str, Any]:
    """The fields that v1's `?fields=` selects: exact names, unknown ones ignored."""
    names = request.query.get("fields", "")
    if not names:
        return shape
    return {name: value for name, value in shape.items() if name in names.split(",")}


@web.middleware
async def refuse_bad_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
    if HOST.fullmatch(request.headers.get("Host", "")) is None:
        return web.Response(status=400, text=BAD_HOST, content_type="text/html", charset="utf-8")
    return await handler(request)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    response: web.StreamResponse
    headers: dict[str, str] = {}
    ANSWER_HEADERS.set(headers)
    try:
        response = await handler(request)
    except ApiError as error:
        response = error.response()
    except web.HTTPNotFound:
        response = page_not_found().response()
    except web.HTTPMethodNotAllowed:
        refusal = ApiError(405, {"detail": f'Method "{request.method}" not allowed.'})
        response = refusal.response()
    response.headers.update(headers)
    return response

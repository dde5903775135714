"""The checks that are asked from the cockpit itself, over the network: tcp and http."""

from __future__ import annotations

import asyncio
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cockpit.plan.model import Check
from cockpit.plan.ports import host_port
from cockpit.steps.api import StepContext
from cockpit.steps.asking import from_here
from cockpit.steps.verify.verdict import Finding, judged, short

CONNECT = 10.0  # seconds without a byte
WHOLE = 30.0  # seconds for a page
BODY = 4 << 20  # bytes of a page that are searched


async def tcp(ctx: StepContext, check: Check) -> Finding:
    address = ctx.render(check.value, into="text")
    found = host_port(address)
    if found is None:
        return Finding("not-tested", f"{address!r} is no host and port")
    began = time.monotonic()
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(*found), CONNECT)
    except TimeoutError:
        return judged(False, f"{address}: no answer within {CONNECT:.0f} s{from_here(ctx)}")
    except OSError as error:
        return judged(False, f"{address}: {_words(error)}{from_here(ctx)}")
    writer.close()
    return judged(True, f"{address} answered in {(time.monotonic() - began) * 1000:.0f} ms")


async def web(ctx: StepContext, check: Check) -> Finding:
    contains = ctx.render(check.contains, into="text") if check.contains is not None else ""
    return await asyncio.to_thread(_get, ctx, ctx.render(check.value, into="text"), check.status, contains)


def _words(error: OSError) -> str:
    """asyncio's own words for a refusal are "Connect call failed"."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _get(ctx: StepContext, url: str, wanted: int, contains: str) -> Finding:
    """Redirections are followed, unless one of them is what is wanted. Certificates are checked."""
    if not url.lower().startswith(("http://", "https://")):
        return Finding("not-tested", f"{url}: write http:// or https://")
    handlers: list[Any] = [urllib.request.ProxyHandler({})]  # a proxy of ours would answer for a dead server
    if 300 <= wanted < 400:
        handlers.append(_NoRedirect())
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=CONNECT) as response:
            status, body, place = response.status, _body(response), response.url
    except urllib.error.HTTPError as error:
        with error:
            status, body, place = error.code, _body(error), error.url
    except http.client.InvalidURL as error:
        return Finding("not-tested", f"{url!r}: {error}")
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return judged(False, f"{url}: {short(ctx, str(reason)) or type(reason).__name__}{from_here(ctx)}")
    led = "" if place == url else f" (which led to {place})"
    if status != wanted:
        return judged(False, f"{url}{led}: status {status}, not {wanted}")
    size = f"{len(body):,} bytes" + (" (all that was looked at)" if len(body) == BODY else "")
    if contains not in body.decode(errors="replace"):
        return judged(False, f"{url}{led}: status {status}, but {contains!r} is not in its {size}")
    return judged(True, f"{url}{led}: status {status}, {size}" + (f", {contains!r} among them" if contains else ""))


def _body(response: Any) -> bytes:
    """At most BODY bytes. TimeoutError when they come too slowly: a thread that reads for ever would hold up the engine's end."""
    body, deadline = b"", time.monotonic() + WHOLE
    while len(body) < BODY and (more := response.read1(min(BODY - len(body), 1 << 16))):
        body += more
        if time.monotonic() > deadline:
            raise TimeoutError(f"its page did not end within {WHOLE:.0f} s")
    return body


NETWORK: Mapping[str, Callable[[StepContext, Check], Awaitable[Finding]]] = {"tcp": tcp, "http": web}

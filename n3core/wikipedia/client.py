"""A client of the MediaWiki API that asks one thing at a time and waits when it is told to.

Owns the HTTP requests and their pace (API:Etiquette and Manual:Maxlag_parameter on mediawiki.org); knows no page.
Nothing is sent before `ask` is called.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlencode, urlsplit

from n3core.errors import InputError

__all__ = ["MediaWiki", "Politeness"]

_MOST_BYTES = 20_000_000
_ASK_AGAIN = frozenset({429, 500, 502, 503, 504})  # HTTP
_BUSY = frozenset({"maxlag", "ratelimited", "readonly"})  # error codes of the API


@dataclass(frozen=True)
class Politeness:
    """How a client paces itself. All times in seconds.

    delay: from an answer to the next request.
    maxlag: the wiki refuses to answer while its databases lag by more; 5 is what Wikimedia recommends.
    attempts: requests for one page before giving up.
    backoff: wait before the second attempt where the wiki names no time; doubles with every further one.
    busy: least wait where the wiki says that it is busy and names no time.
    longest: a wiki that asks for more is left alone.
    timeout: of one request.
    """

    delay: float = 1.0
    maxlag: int = 5
    attempts: int = 5
    backoff: float = 2.0
    busy: float = 5.0
    longest: float = 300.0
    timeout: float = 30.0


class MediaWiki:
    """A wiki, asked through its `api.php`.

    Args:
        endpoint: address of `api.php`.
        contact: an e-mail or web address for the User-Agent, which the operators of a wiki may write to.
        politeness: the pace.
        sleep: waits for some seconds.

    Raises:
        InputError: the endpoint is no http(s) address, or the contact cannot stand in a header.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        contact: str = "",
        politeness: Politeness | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.host = _host_of(endpoint)
        if not contact.isascii() or not contact.isprintable() or set(contact) & set("()"):
            raise InputError(f"contact {contact[:80]!r} must be a plain e-mail or web address without brackets")
        try:
            release = version("n3-studio")
        except PackageNotFoundError:
            release = "0"
        self.user_agent = f"n3-studio/{release} ({contact or 'no contact given'}) n3-describe-fetch"
        self.politeness = politeness or Politeness()
        self.requests = 0
        self._sleep = sleep
        self._answered = -float("inf")

    def ask(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Ask until there is an answer, within the bounds of politeness.

        Args:
            parameters: of the API, without format and maxlag.

        Returns:
            The decoded answer, which reports no error.

        Raises:
            InputError: the wiki cannot be reached, refuses, or asks to wait for too long.
        """
        every = {"format": "json", "formatversion": "2", "maxlag": str(self.politeness.maxlag)}
        pace = self.politeness
        reason = ""
        for attempt in range(pace.attempts):
            told: float | None = None
            least = pace.backoff * 2**attempt
            self._sleep(max(0.0, self._answered + pace.delay - time.monotonic()))
            try:
                answer, told = self._request(f"{self.endpoint}?{urlencode({**parameters, **every})}")
            except urllib.error.HTTPError as error:
                with error:
                    reason, told = f"HTTP {error.code} {error.reason}", _retry_after(error.headers)
                if error.code not in _ASK_AGAIN:
                    way_out = "name a --contact" if error.code == 403 else "check the address"
                    raise InputError(f"{self.endpoint} refuses the request ({reason}); {way_out}") from None
            except (OSError, HTTPException, ValueError, zlib.error, RecursionError) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            else:
                fault = answer.get("error")
                if not fault:
                    return answer
                code, reason = (str(fault.get(part, "")) for part in ("code", "info"))
                if code not in _BUSY and not code.startswith("internal_api_error"):
                    raise InputError(f"{self.endpoint} refuses the request ({code}: {reason[:200]})")
                least = max(least, pace.busy)
            finally:
                self._answered = time.monotonic()
            wait = least if told is None else told
            if wait > pace.longest:
                raise InputError(
                    f"{self.host} asks to wait {wait:,.0f} s ({reason[:200]}); what was read is kept, run the same "
                    "command again later"
                )
            if attempt + 1 < pace.attempts:
                self._sleep(wait)
        raise InputError(
            f"{self.host} did not answer in {pace.attempts} attempts ({reason[:200]}); what was read is kept, run the "
            "same command again to go on"
        )

    def _request(self, address: str) -> tuple[dict[str, Any], float | None]:
        """One request: the decoded answer, and the seconds that the wiki asks to wait, if it does."""
        headers = {"User-Agent": self.user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
        self.requests += 1
        with urllib.request.urlopen(
            urllib.request.Request(address, headers=headers), timeout=self.politeness.timeout
        ) as response:
            body = response.read(_MOST_BYTES + 1)
            if response.headers.get("Content-Encoding") == "gzip":
                body = zlib.decompressobj(wbits=31).decompress(body, _MOST_BYTES + 1)
            told = _retry_after(response.headers)
        if len(body) > _MOST_BYTES:
            raise ValueError(f"the answer has more than {_MOST_BYTES:,} bytes")
        try:
            answer = json.loads(body)
        except ValueError:
            raise ValueError("the answer is cut off or no JSON") from None
        if not isinstance(answer, dict):
            raise ValueError("the answer is no JSON object")
        return answer, told


def _host_of(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname if parts.port != 0 else None  # a port that is no number raises
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or not endpoint.isascii():
        raise InputError(f"endpoint {endpoint[:200]!r} is no address of a wiki's api.php; use https://.../w/api.php")
    return host


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of the header Retry-After, which holds seconds or a date; None without it."""
    value = (headers.get("Retry-After") or "").strip()
    if value.isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(when.tzinfo)).total_seconds())

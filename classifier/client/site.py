"""Talks to the site: patient where that helps, and plain about what does not."""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import requests

from classifier.client.progress import say

TIMEOUT_SECONDS: Final = 300
PAUSES_SECONDS: Final = (1, 2, 4, 8, 16)
# With problems of these kinds the same request may do better a little later.
TEMPORARY: Final = {500, 502, 503, 504, 507}
# Where a limit is reached and the answer says no time.
LIMIT_PAUSE_SECONDS: Final = 30


class ClientError(Exception):
    """Something that the person has to change or decide."""


class Refused(ClientError):
    """The site understood, and did nothing."""


class KeyTaken(ClientError):
    """The site has stored another request with this key."""


class NothingAccepted(Refused):
    """Not one file of a batch was taken."""

    def __init__(self, rejected: list[dict[str, str]]) -> None:
        super().__init__("None of the files can be classified.")
        self.rejected = rejected


class Site:
    """The API at an address, with a token."""

    def __init__(self, url: str, token: str) -> None:
        if not re.fullmatch("[!-~]+", token):
            raise ClientError("This cannot be a token: a token is letters and digits, on one line.")
        self.api = f"{url}/api/v1/"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {token}"

    def check(self) -> None:
        """Raises ClientError where the address or the token is wrong, before anything is sent."""
        self.get(f"{self.api}me/")

    def get(self, url: str) -> dict[str, Any]:
        return self._insist(lambda: self.session.get(url, timeout=TIMEOUT_SECONDS))

    def create_batch(
        self, fields: dict[str, Any], files: list[tuple[str, bytes]], key: str
    ) -> dict[str, Any]:
        """Safe to repeat with the same key: the site then answers with the same batch."""
        images = [("images", (name, content)) for name, content in files]

        def send() -> requests.Response:
            return self.session.post(
                f"{self.api}batches/",
                data=fields,
                files=images,
                headers={"Idempotency-Key": key},
                timeout=TIMEOUT_SECONDS,
            )

        return self._insist(send)

    def _insist(self, send: Callable[[], requests.Response]) -> dict[str, Any]:
        """The answer's JSON, after as many attempts as it takes or makes sense."""
        pauses = iter(PAUSES_SECONDS)
        trouble = ""
        while True:
            try:
                answer = send()
            except requests.RequestException as error:
                trouble = f"The site cannot be reached: {error}"
            else:
                if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    sent = answer.headers.get("Retry-After", "")
                    seconds = max(1, int(sent)) if sent.isdecimal() else LIMIT_PAUSE_SECONDS
                    until = datetime.now().astimezone() + timedelta(seconds=seconds)
                    reason = _body(answer).get("detail", answer.reason)
                    say(f"Waiting until {until:%Y-%m-%d %H:%M:%S}: {reason}")
                    time.sleep(seconds)
                    continue
                if answer.status_code not in TEMPORARY:
                    return _content(answer, is_repeated=bool(trouble))
                trouble = f"The site has a problem ({answer.status_code})."
            pause = next(pauses, None)
            if pause is None:
                raise ClientError(f"{trouble}\nThe same command goes on from here later.")
            time.sleep(pause)


def _content(answer: requests.Response, *, is_repeated: bool) -> dict[str, Any]:
    body = _body(answer)
    if not body:
        raise ClientError(f"{answer.url} is not the API of such a site.")
    if answer.ok:
        return body
    if body.get("rejected"):
        raise NothingAccepted(body["rejected"])
    fields = [sentence for found in body.get("errors", {}).values() for sentence in found]
    message = " ".join([str(body.get("detail", answer.reason)), *fields])
    if answer.status_code == HTTPStatus.CONFLICT:
        raise KeyTaken(message)
    # An attempt whose answer was lost may have been stored.
    raise ClientError(message) if is_repeated else Refused(message)


def _body(answer: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty where something other than the site answered."""
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}

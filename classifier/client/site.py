"""Talks to the site: patient where that helps, and plain about what does not."""

import time
from collections.abc import Callable
from typing import Any, Final

import requests

TIMEOUT_SECONDS: Final = 300
PAUSES_SECONDS: Final = (1, 2, 4, 8, 16)
# With problems of these kinds the same request may do better a little later.
TEMPORARY: Final = {500, 502, 503, 504, 507}


class ClientError(Exception):
    """Something that the person has to change or decide."""


class Refused(ClientError):
    """The site understood, and did nothing."""


class NothingAccepted(Refused):
    """Not one file of a batch was taken."""

    def __init__(self, rejected: list[dict[str, str]]) -> None:
        super().__init__("None of the files can be classified.")
        self.rejected = rejected


class Site:
    """The API at an address, with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.api = f"{url.rstrip('/')}/api/v1/"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {token}"

    def get(self, url: str) -> Any:
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

        batch: dict[str, Any] = self._insist(send)
        return batch

    def _insist(self, send: Callable[[], requests.Response]) -> Any:
        """The answer's JSON, after as many attempts as it takes or makes sense."""
        pauses = iter(PAUSES_SECONDS)
        while True:
            try:
                answer = send()
            except requests.RequestException as error:
                trouble = f"The site cannot be reached: {error}"
            else:
                if answer.status_code == 429:
                    time.sleep(int(answer.headers.get("Retry-After", "30")))
                    continue
                if answer.status_code not in TEMPORARY:
                    return _content(answer)
                trouble = f"The site has a problem ({answer.status_code})."
            pause = next(pauses, None)
            if pause is None:
                raise ClientError(f"{trouble}\nThe same command goes on from here later.")
            time.sleep(pause)


def _content(answer: requests.Response) -> Any:
    try:
        body = answer.json()
    except requests.JSONDecodeError as error:
        raise ClientError(f"{answer.url} is not the API of such a site.") from error
    if answer.ok:
        return body
    if body.get("rejected"):
        raise NothingAccepted(body["rejected"])
    fields = [sentence for found in body.get("errors", {}).values() for sentence in found]
    raise Refused(" ".join([str(body.get("detail", answer.reason)), *fields]))

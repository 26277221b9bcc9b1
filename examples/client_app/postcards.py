"""A small client application: postcards with a picture and a greeting, made by Lightning.

Run:  LIGHTNING_BASE_URL=http://127.0.0.1:8787 LIGHTNING_API_KEY=... python postcards.py "a quiet harbour"
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class PostcardError(Exception):
    """There is no postcard; the message is meant for the user."""


class LimitReached(PostcardError):
    """The plan's pictures or messages are used up."""


class SignInAgain(PostcardError):
    """Lightning does not take the token or key any longer."""


@dataclass(frozen=True)
class Postcard:
    """A JPEG and a greeting."""

    picture: bytes
    greeting: str


class PostOffice:
    """Makes postcards for one user, whose `bearer` is an access token or an API key."""

    def __init__(self, base_url: str, bearer: str) -> None:
        self._base_url = base_url
        self._bearer = bearer

    def postcard(self, scene: str) -> Postcard:
        """One picture and one message. Raises PostcardError."""
        # The picture first: it is the scarcer of the two, so a limit is met before a message is spent.
        picture = self._ask("/gen/image", {"prompt": scene, "mode": "realistic"})
        question = {"role": "user", "content": f"Write one line of greetings from {scene}."}
        reply = json.loads(self._ask("/gen/chat/completions", {"messages": [question]}))
        return Postcard(picture, reply["choices"][0]["message"]["content"])

    def pictures_left(self) -> int | None:
        """How many pictures are left today; None when there is no limit."""
        left: int | None = json.loads(self._ask("/usage"))["usage"]["imagesDaily"]["remaining"]
        return left

    def _ask(self, path: str, body: object = None, *, patient: bool = True) -> bytes:
        request = Request(
            self._base_url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._bearer}", "Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=60) as response:
                content: bytes = response.read()
                return content
        except HTTPError as refusal:
            if refusal.code == 429:
                raise LimitReached("That was the last one today. Come back later or upgrade.") from refusal
            if refusal.code == 401:
                raise SignInAgain("Please sign in again.") from refusal
            if refusal.code >= 500 and patient:
                # A failed call costs nothing, so trying once more is free.
                return self._ask(path, body, patient=False)
            raise PostcardError("The post office is closed. Please try later.") from refusal


if __name__ == "__main__":
    office = PostOffice(
        os.environ.get("LIGHTNING_BASE_URL", "http://127.0.0.1:8787"), os.environ["LIGHTNING_API_KEY"]
    )
    try:
        card = office.postcard(sys.argv[1])
    except PostcardError as error:
        sys.exit(str(error))
    Path("postcard.jpg").write_bytes(card.picture)
    print(f"{card.greeting}\n(postcard.jpg; {office.pictures_left()} pictures left today)")

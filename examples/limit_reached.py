"""A program whose limit-reached screen you can see today, and which works again "tomorrow".

Run:  python examples/limit_reached.py     (starts a mock of its own, or uses the one at LIGHTNING_BASE_URL)

`draw` is the program; `main` plays the day on which its user runs out of pictures.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from lightning_mock import running
from lightning_mock.client import Lightning


def draw(base_url: str, headers: dict[str, str], prompt: str) -> str:
    """Ask for a picture and say what the program's screen would show."""
    request = Request(
        f"{base_url}/gen/image",
        data=json.dumps({"prompt": prompt}).encode(),
        headers={**headers, "Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=30) as response:
            picture = response.read()
    except HTTPError as refusal:
        if refusal.code != 429:
            raise
        # The API promises no Retry-After: what counts is the day, and a day is UTC's.
        return "LIMIT REACHED. New pictures after midnight, UTC. [Upgrade] [Close]"
    return f"Here is your picture: {len(picture)} bytes of {response.headers['Content-Type']}."


def main() -> None:
    with ExitStack() as stack:
        base_url = os.environ.get("LIGHTNING_BASE_URL") or stack.enter_context(running()).base_url
        # Leaving the block takes back what is done here: the user, and where the clock stands.
        lightning = stack.enter_context(Lightning(base_url))
        user = lightning.user(plan="light")
        headers = user.headers()

        print("Today   ", draw(base_url, headers, "a quiet harbour"))
        user.exhaust("imagesDaily")
        print("Later   ", draw(base_url, headers, "a quiet harbour"))
        lightning.next_day()
        print("Tomorrow", draw(base_url, headers, "a quiet harbour"))


if __name__ == "__main__":
    main()

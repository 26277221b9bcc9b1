"""A streamed chat in the terminal, with the official OpenAI SDK.

Run:  LIGHTNING_BASE_URL=http://127.0.0.1:8787 python examples/chat_stream.py "Name three rivers."

Without LIGHTNING_API_KEY the chat is anonymous, on the free plan.
"""

from __future__ import annotations

import os
import sys

from openai import APIStatusError, OpenAI


def main(question: str) -> int:
    base_url = os.environ.get("LIGHTNING_BASE_URL", "http://127.0.0.1:8787")
    # The SDK insists on some key. Lightning reads "public" as: nobody is signed in.
    key = os.environ.get("LIGHTNING_API_KEY", "public")
    client = OpenAI(base_url=f"{base_url}/gen", api_key=key)
    try:
        stream = client.chat.completions.create(
            # The SDK insists on a model, too. Lightning chooses one itself and tells which.
            model="lightning",
            messages=[{"role": "user", "content": question}],
            stream=True,
        )
        for chunk in stream:
            metadata = getattr(chunk, "router_metadata", None)
            if metadata:
                print(f"[{metadata['model_name']}]", file=sys.stderr)
            # The event with the metadata has no choices at all, and one with usage has an empty list:
            # `chunk.choices[0]` without this guard is the crash that a client meets first.
            if chunk.choices:
                print(chunk.choices[0].delta.content or "", end="", flush=True)
        print()
    except APIStatusError as refusal:
        print(f"Lightning says {refusal.status_code}: {refusal.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]) or "Name three rivers."))

"""An exchange of the journal as a command to paste into a shell.

Law: a credential appears as a shell variable, under the name that the credentials file gives it.
"""

from __future__ import annotations

from shlex import quote

from lightning_mock.journal.recording import Recording

_VARIABLES = {"jwt": "LIGHTNING_JWT", "api_key": "LIGHTNING_API_KEY"}
_MADE_BY_CURL = ("Authorization", "Content-Length")
_ADDED_BY_CURL = ("User-Agent", "Accept", "Content-Type")
"""Unless they are taken out; the last one only to a body."""


def curl(kept: Recording, base_url: str) -> str:
    """The command that makes the same request again."""
    words = ["curl -sS -i --globoff --path-as-is"]
    if kept.method == "HEAD":
        words = ["curl -sS --head --globoff --path-as-is"]
    elif kept.method != ("POST" if kept.body else "GET"):
        words.append(f"-X {quote(kept.method)}")
    if kept.target.startswith("/"):
        words.append(quote(base_url + kept.target))
    else:
        words.append(f"{quote(base_url)} --request-target {quote(kept.target)}")
    words += [
        f"-H {quote(f'{name}: {value}' if value else f'{name};')}"
        for name, value in kept.headers.items()
        if name not in _MADE_BY_CURL
    ]
    added = _ADDED_BY_CURL if kept.body else _ADDED_BY_CURL[:-1]
    words += [f"-H '{name}:'" for name in added if name not in kept.headers]
    if "Authorization" in kept.headers:
        identity = kept.exchange.identity
        variable = _VARIABLES.get(identity.kind if identity is not None else "", "LIGHTNING_TOKEN")
        words.append(f'-H "Authorization: Bearer ${variable}"')
    if kept.body:
        words.append(f"--data-raw {quote(kept.body)}")
    command = " \\\n  ".join(words)
    if not kept.whole:
        command += "\n# Not all of this request was kept."
    if missing := kept.missing_headers:
        command += f"\n# The answer depended on what is not kept: {', '.join(missing)}."
    return command

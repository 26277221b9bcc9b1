"""What the project's commands share: how they read options, lay out their help and refuse a wrong use.

Law: a wrong use is told in one line on standard error, `COMMAND: OPTION: what was expected`, and is exit code
2.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

WRONG_USAGE = 2


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like one that is not known."""
    # Most starts have no such name, and save the time to load this.
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), 1)), None)


class HelpFormatter(argparse.HelpFormatter):
    """Keeps the lines of a text that has several, and breaks no address, option or name at its hyphens."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines() if "\n" in text else self._split_lines(text, width)
        return "\n".join(indent + line for line in lines)


class Parser(argparse.ArgumentParser):
    """A parser that tells a wrong use in one line, without the usage."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **{"formatter_class": HelpFormatter, **keywords})
        self.register("type", int, _whole_number)
        self.register("type", float, _number)

    def parse_args(  # type: ignore[override]  # of its overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        """The options. Raises SystemExit; an option that does not exist is told with the nearest name."""
        options: argparse.Namespace
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._of_unknown(unknown))
        return options

    def convert(self, action: argparse.Action, text: str) -> Any:
        """The value of an option that is given in another way. Raises ArgumentError, whose `message` says
        what was expected."""
        value = self._get_value(action, text)
        self._check_value(action, value)
        return value

    def error(self, message: str) -> NoReturn:
        """End with a wrong use."""
        self.exit(WRONG_USAGE, f"{self.prog}: {message.removeprefix('argument ')}; see --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(
                action, f"expected one of {', '.join(map(str, action.choices))}, got {value!r}"
            )

    def _of_unknown(self, unknown: Sequence[str]) -> str:
        name = next((word.partition("=")[0] for word in unknown if word.startswith("-")), None)
        if name is None:
            return f"{unknown[0]!r} is more than was expected"
        near = nearest(name.lstrip("-"), [known.lstrip("-") for known in self._names()])
        return f"there is no option {name}" + (f" (did you mean --{near}?)" if near else "")

    def _names(self) -> Iterator[str]:
        """Every long option, those of the commands below it included."""
        for action in self._actions:
            yield from (name for name in action.option_strings if name.startswith("--"))
            if isinstance(action, argparse._SubParsersAction):
                for below in action.choices.values():
                    yield from below._names()


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None

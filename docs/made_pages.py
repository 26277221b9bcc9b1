"""The pages of the documentation that are made from the data and the commands themselves, at each build."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import io
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning_verify
import yaml
from lightning_mock import client
from lightning_mock.command import main as mock
from lightning_spec.command import main as spec
from lightning_spec.diff.comparison import compare
from lightning_spec.diff.rules import RULES
from lightning_spec.loader import load_revision, revision_folder, revisions
from lightning_verify.command import main as verify
from lightning_verify.laws.table import LAWS
from lightning_verify.proxy.command import main as proxy
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_CONTROL = Path(__file__).parents[1] / "mockserver" / "lightning_mock" / "control" / "openapi.yaml"
_REPORT = Path(lightning_verify.__path__[0]) / "report" / "report.schema.json"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages."""
    for name, content in pages():
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Every made page by its name."""
    first, *later = revisions()
    yield "commands", _commands()
    yield "requirements", _requirements(first)
    for name in later:
        yield f"requirements-{name}", _requirements(name)
    yield "revisions", _changes(first, later[-1])
    yield "laws", _laws()
    yield "rules", _rules()
    yield "control", _control()
    yield "python", _python()
    yield "report", _report()


def _table(*rows: tuple[object, ...]) -> str:
    lines = [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"


def _cell(value: object) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
    return text.replace("[", "\\[").replace("{", "&#123;")


def _commands() -> str:
    page = ["# Commands\n"]
    programs = (
        ("lightning-mock", mock, ["--help"]),
        ("lightning-verify", verify, ["--help"]),
        ("lightning-spec", spec, ["--help"]),
        *((f"lightning-spec {name}", spec, [name, "--help"]) for name in ("diff", "lint")),
        ("lightning-proxy", proxy, ["--help"]),
    )
    for title, program, arguments in programs:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            program(arguments)
        page.append(f"## {title}\n\n```text\n{said.getvalue().rstrip()}\n```\n")
    return "\n".join(page)


def _requirements(revision: str) -> str:
    _, found = load_revision(revision)
    rows = [(r.id, r.level, r.statement, r.section) for r in found.requirements.values()]
    page = f"# Requirements of {revision}\n\n" + _table(("id", "level", "statement", "section"), *rows)
    reasons = [(r.id, r.why_advice) for r in found.requirements.values() if r.why_advice]
    return f"{page}\n## Why some are only advice\n\n{_table(('id', 'why'), *reasons)}"


def _changes(old: str, new: str) -> str:
    changes = compare(*(str(revision_folder(name)) for name in (old, new))).changes
    page = [f"# From {old} to {new}\n", f"What `lightning-spec diff {old} {new}` finds.\n"]
    for grave in ("breaking", "risky", "safe"):
        rows = [
            (change.operation or "the whole", f"`{change.rule}`", change.sentence)
            for change in changes
            if change.severity.word == grave
        ]
        page += [f"## {grave.capitalize()}: {len(rows)}\n", _table(("where", "rule", "change"), *rows)]
    return "\n".join(page)


def _laws() -> str:
    statements = load_revision()[1].requirements
    rows = [
        (name, ", ".join(sorted(law.operations)) or "every operation", statements[name].statement)
        for name, law in LAWS.items()
    ]
    words = "Each is checked on every answer of these operations, whoever asked.\n\n"
    return f"# Laws\n\n{words}" + _table(("requirement", "operations", "what holds"), *rows)


def _rules() -> str:
    rows = [(f"`{rule.id}`", rule.severity.word, rule.summary) for rule in RULES.values()]
    return "# Rules of diff\n\n" + _table(("rule", "class", "what happened"), *rows)


def _control() -> str:
    described = yaml.safe_load(_CONTROL.read_text(encoding="utf-8"))
    rows = [
        (f"`{method.upper()} {path}`", operation.get("summary", ""))
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, Mapping) and "responses" in operation
    ]
    return "# Control API\n\nA mock serves its own description at `/__mock__/docs`.\n\n" + _table(
        ("call", "what it does"), *rows
    )


def _python() -> str:
    page = [
        "# Python client\n",
        "Two fixtures of the pytest plugin are clients: `lightning` is for one test and undoes what it did, "
        "`lightning_mock` is for the session. Elsewhere, use `lightning_mock.client.Lightning(url)`.\n",
    ]
    for name in sorted(client.__all__, key=lambda name: (name != "Lightning", name)):
        thing = getattr(client, name)
        page.append(f"## {name}\n\n{_docstring(thing)}\n")
        if dataclasses.is_dataclass(thing):
            fields = [(f"`{field.name}`", f"`{field.type}`") for field in dataclasses.fields(thing)]
            page.append(_table(("field", "type"), *fields))
        for called, member in vars(thing).items():
            if called.startswith("_") or not inspect.getdoc(member):
                continue
            if isinstance(member, property):
                page.append(f"### {name}.{called}\n\n{_docstring(member)}\n")
            elif inspect.isfunction(member):
                page.append(
                    f"### {name}.{called}\n\n```python\n{_signature(member)}\n```\n\n{_docstring(member)}\n"
                )
    return "\n".join(page)


def _docstring(thing: object) -> str:
    return inspect.getdoc(thing) or ""


def _signature(function: Callable[..., object]) -> str:
    """As it is written in the source, where the names of types are short."""
    (written,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    if not isinstance(written, ast.FunctionDef):
        raise TypeError(f"{function.__qualname__} is not written as a function")
    written.args.args = [argument for argument in written.args.args if argument.arg != "self"]
    returns = f" -> {ast.unparse(written.returns)}" if written.returns else ""
    return f"{written.name}({ast.unparse(written.args)}){returns}"


def _report() -> str:
    schema = json.loads(_REPORT.read_text(encoding="utf-8"))
    rows = [(f"`{name}`", _type(entry)) for name, entry in _fields(schema)]
    return "# Report\n\nThe fields of `report.json`.\n\n" + _table(("field", "type"), *rows)


def _fields(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in schema.get("properties", {}).items():
        yield prefix + name, entry
        yield from _fields(entry, f"{prefix}{name}.")
        yield from _fields(entry.get("items", {}), f"{prefix}{name}[].")


def _type(entry: Mapping[str, Any]) -> str:
    kind = entry.get("type", "")
    named = ", ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    if "enum" in entry:
        named = " or ".join(map(str, entry["enum"]))
    return ": ".join(part for part in (named, entry.get("description", "")) if part) or "see the schema"

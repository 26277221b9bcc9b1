"""The command, as a process: what it prints, reads, writes and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests
from lightning_mock.background import running
from lightning_mock.command import ignored_variables, main, parse, without_kubernetes
from lightning_mock.pytest_plugin import TOKEN_VARIABLE, URL_VARIABLE
from lightning_mock.settings import NO_EFFECT_WITH, Settings, SettingsError

from tests.support.guard import HANGS

HEAVY = ("PIL", "av", "cryptography", "jwt")
SHOW_WHAT_IS_LOADED = f"""
import asyncio, sys

def note(event, arguments):
    if event == "open" and str(arguments[0]).endswith("requirements.yaml"):
        print(arguments[0])

sys.addaudithook(note)

from lightning_mock.serving import serving
from lightning_mock.settings import Settings

async def main():
    async with serving(Settings(port=0)):
        print(*(name for name in {HEAVY} if name in sys.modules))

asyncio.run(main())
"""

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "stream": True}


@contextmanager
def command(*arguments: Any, **environment: Any) -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lightning_mock", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def greeting_of(process: Any) -> Any:
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("Ctrl-C"):
            break
    return lines


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[0]


def test_what_draws_and_verifies_and_the_requirements_are_not_loaded_before_they_are_needed() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW_WHAT_IS_LOADED], check=False, capture_output=True, text=True
    )
    assert (shown.stdout, shown.stderr) == ("\n", "")


def test_it_prints_an_address_credentials_for_every_plan_and_lines_to_paste() -> None:
    with command() as process:
        lines = greeting_of(process)
        text = "\n".join(lines)
        base_url = found(r"http://127\.0\.0\.1:\d+", text)
        assert f"  OpenAI SDKs  {base_url}/gen" in lines
        page = found(r"http://\S+/__mock__/docs", text)
        assert requests.get(page, timeout=HANGS).status_code == 200
        for plan in ("free", "light", "core", "creator", "professional", "expired", "revoked"):
            assert re.search(rf"^  {plan}\s+key  ipa_live_\S{{32}}$", text, re.MULTILINE)
        assert text.count("jwt  eyJ") == 6
        pasted = [shlex.split(line) for line in lines if line.startswith("  curl ")]
        assert len(pasted) == 3
        for words in pasted:
            [address] = [word for word in words if word.startswith(base_url)]
            headers = [words[i + 1] for i, word in enumerate(words) if word == "-H"]
            bodies = [words[i + 1] for i, word in enumerate(words) if word == "-d"]
            answer = requests.request(
                "POST" if bodies else "GET",
                address,
                headers=dict(header.split(": ", 1) for header in headers),
                data=bodies[0] if bodies else None,
                timeout=HANGS,
            )
            assert answer.status_code == 200


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_with_an_open_stream_and_without_a_traceback(ending: Any) -> None:
    # The stream would take hours.
    with command("--token-rate", "0.01") as process:
        base_url = found(r"http://\S+:\d+", greeting_of(process)[0])
        stream = requests.post(base_url + "/gen/chat/completions", json=CHAT, stream=True, timeout=HANGS)
        assert next(stream.iter_lines())
        process.send_signal(ending)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in out + err
        stream.close()


def complaints(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines with which a start is refused."""
    assert main(("--port", "0", *arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_a_taken_port_is_one_clear_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [line] = complaints(capsys, "--port", str(port))
    assert line == (
        f"lightning-mock: cannot listen on 127.0.0.1:{port}: the port is in use; choose another with --port, "
        "or 0 for a free one"
    )


def run(*arguments: Any, **environment: Any) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "lightning_mock", *arguments],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
        env={**os.environ, **environment},
    )


def running_refuses(**settings: Any) -> list[str]:
    """The lines with which a start inside a program is refused."""
    with pytest.raises(SettingsError) as refused, running(**settings):
        pass
    return str(refused.value).splitlines()


FREE = "default: free\nplans:\n  - {key: free, "


@pytest.mark.parametrize(
    ("option", "content", "complaint"),
    [
        ("plans", None, "cannot be read"),
        ("plans", "{", "not YAML"),
        ("plans", "plans: []", "default"),
        ("plans", FREE + "colour: red}", "colour"),
        ("plans", FREE + "name: F, url: '', price: '0', order: 0, limits: {}}", "limits"),
        ("jwks", None, "JWKS"),
        ("jwks", "[]", "JWKS"),
        ("jwks", "{}", "JWKS"),
        ("jwks", '{"keys": []}', "JWKS"),
        ("jwks", '{"keys": [{"kty": "oct", "k": "AAAA"}]}', "JWKS"),
        ("replies", b"\xff\xfe", "in UTF-8"),
        ("state", "{", "not a complete state file"),
        ("replay", "{}", "lightning-recording"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_once_in_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: Any, content: Any, complaint: Any
) -> None:
    file = tmp_path / "given.yaml"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    [line] = complaints(capsys, f"--{option}", str(file))
    assert complaint in line
    assert line.count(file.name) == line.count(str(file)) == 1


def test_all_values_that_cannot_be_used_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaints(capsys, "--token-rate", "-1", "--journal", "-3") == [
        "lightning-mock: --journal: expected 0 to 1000000, got -3",
        "lightning-mock: --token-rate: expected a number, 0 or more, got -1.0",
    ]
    assert running_refuses(token_rate=-1) == ["token_rate: expected a number, 0 or more, got -1"]
    with pytest.raises(SettingsError, match=r"(?s)MOCK_PORT.*\n.*MOCK_SEED"):
        parse([], {"LIGHTNING_MOCK_PORT": "eighty", "LIGHTNING_MOCK_SEED": "none"})


def test_a_setting_is_called_as_it_was_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTNING_MOCK_CONTROL_TOKEN", "short")
    monkeypatch.setenv("LIGHTNING_MOCK_JOURNAL", "5")
    assert complaints(capsys, "--journal", "-5") == [
        "lightning-mock: --journal: expected 0 to 1000000, got -5",
        "lightning-mock: LIGHTNING_MOCK_CONTROL_TOKEN: expected at least 8 ASCII characters",
    ]
    monkeypatch.delenv("LIGHTNING_MOCK_CONTROL_TOKEN")
    monkeypatch.setenv("LIGHTNING_MOCK_RECORD", "http://127.0.0.1:9")
    assert complaints(capsys, "--seed", "1") == [
        "lightning-mock: --seed: has no effect with LIGHTNING_MOCK_RECORD"
    ]
    monkeypatch.delenv("LIGHTNING_MOCK_RECORD")
    monkeypatch.setenv("LIGHTNING_MOCK_REVISION", "1999")
    [line] = complaints(capsys)
    assert line.startswith("lightning-mock: LIGHTNING_MOCK_REVISION: expected one of 2026-05-15, ")
    monkeypatch.delenv("LIGHTNING_MOCK_REVISION")
    [line] = complaints(capsys, "--scenario", "none-such")
    assert line.startswith("lightning-mock: --scenario: expected one of ")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("port", "abc", "expected a whole number, got 'abc'"),
        ("token-rate", "fast", "expected a number, got 'fast'"),
        ("metadata-form", "xml", "expected one of bare, choices, got 'xml'"),
    ],
)
def test_an_option_and_its_variable_are_refused_in_the_same_words(
    option: str, value: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([f"--{option}", value])
    assert capsys.readouterr().err == f"lightning-mock: --{option}: {says}; see --help\n"
    variable = f"LIGHTNING_MOCK_{option.upper().replace('-', '_')}"
    with pytest.raises(SettingsError, match=f"^{variable}: {says}$"):
        parse([], {variable: value})


def test_a_mistyped_option_is_told_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--prot", "1"])
    said = "lightning-mock: there is no option --prot (did you mean --port?); see --help\n"
    assert capsys.readouterr().err == said


def test_a_store_that_does_not_answer_is_named_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [line] = complaints(capsys, "--store", "redis://me:sesame@127.0.0.1:1/0?password=sesame")
    assert line == (
        "lightning-mock: store redis://127.0.0.1:1/0: no Redis answers there (Connection refused)"
    )


def test_the_credentials_file_is_for_its_owner_alone_and_has_the_known_names(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    older = {"LIGHTNING_JWT", "LIGHTNING_API_KEY", "LIGHTNING_FREE_JWT"}
    older |= {"LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY"}
    file.write_text(json.dumps(dict.fromkeys(older, "something older, readable by all")))
    file.chmod(0o644)
    with command("--credentials", str(file), "--seed", "3") as process:
        text = "\n".join(greeting_of(process))
        named = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(named) == {
        "LIGHTNING_JWT", "LIGHTNING_API_KEY", "LIGHTNING_FREE_JWT",
        "LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY",
    }  # fmt: skip
    assert all(value in text for value in named.values())


@pytest.mark.parametrize(
    "content",
    ["My notes.", "{}", "[]", '{"LIGHTNING_JWT": "of a live host"}', "[" * 60_000, " " * 70_000],
    ids=["text", "nothing", "a list", "one name", "deep", "large"],
)
def test_credentials_replace_no_file_that_the_mock_did_not_write(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(content)
    [line] = complaints(capsys, "--credentials", str(file))
    assert f"credentials file {file}: there is a file already" in line
    assert "give another name, or remove it" in line
    assert file.read_text() == content


def test_credentials_replace_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "made-by-mktemp.json"
    file.touch()
    with command("--credentials", str(file)) as process:
        greeting_of(process)
        assert "LIGHTNING_JWT" in json.loads(file.read_text())


def test_a_credentials_file_that_cannot_be_written_is_one_clear_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [line] = complaints(capsys, "--credentials", str(tmp_path / "missing" / "file.json"))
    assert "credentials file" in line


@pytest.mark.parametrize("option", ["state", "replies", "recording"])
def test_credentials_replace_no_file_of_another_option(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    [line] = complaints(capsys, "--credentials", str(file), f"--{option}", str(link))
    assert f"is the file of --{option} as well" in line
    assert not file.exists()


def test_the_state_replaces_no_file_of_another_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = tmp_path / "replies.yaml"
    replies.write_text("[]")
    [line] = complaints(capsys, "--state", str(replies), "--replies", str(replies))
    assert "as well" in line
    assert replies.read_text() == "[]"


@pytest.mark.parametrize(
    ("option", "needed"), [("recording", "record"), ("replay-pace", "replay"), ("replay-max-age", "replay")]
)
def test_an_option_that_has_no_effect_alone_is_refused(
    option: str, needed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaints(capsys, f"--{option}", "1") == [
        f"lightning-mock: --{option}: has no effect without --{needed}"
    ]


VALUES = {
    "metadata-form": "bare",
    "retry-advice": "none",
    "seed": "1",
    "first-token-delay": "1",
    "token-rate": "1",
}
NEITHER = (
    "replies",
    "plans",
    "seed",
    "jwt-secret",
    "jwks",
    "scenario",
    "state",
    "metadata-form",
    "retry-advice",
)


@pytest.mark.parametrize(
    ("mode", "options"),
    [("replay", NEITHER), ("record", (*NEITHER, "first-token-delay", "token-rate"))],
)
def test_options_that_have_no_effect_together_are_all_refused(
    mode: str, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word for option in options for word in (f"--{option}", VALUES.get(option, option))]
    said = complaints(capsys, f"--{mode}", "http://127.0.0.1:9/x", *given)
    assert sorted(said) == sorted(
        f"lightning-mock: --{option}: has no effect with --{mode}" for option in options
    )
    chosen: dict[str, Any] = {mode: "http://127.0.0.1:9", "scenario": ("upstream-down",)}
    with pytest.raises(SettingsError, match=f"^scenario: has no effect with {mode}$"):
        Settings(**chosen)


def test_of_every_option_it_is_known_whether_it_has_an_effect_beside_a_replay() -> None:
    """Whoever adds an option decides."""
    with_effect = {
        *("host", "port", "revision", "control_token", "store", "store_prefix", "workers", "loop", "journal"),
        *("journal_bodies", "record", "recording", "replay", "replay_pace", "replay_max_age"),
        *("first_token_delay", "token_rate"),
    }
    assert {field.name for field in fields(Settings)} - with_effect == set(NO_EFFECT_WITH["replay"])


def test_every_setting_is_an_option_and_a_variable_and_stands_in_the_help() -> None:
    text = run("--help").stdout
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')} " in text
        assert f"LIGHTNING_MOCK_{field.name.upper()}" in text
    assert "LIGHTNING_MOCK_CREDENTIALS" in text


def test_an_option_wins_over_its_variable_and_a_variable_over_the_default() -> None:
    environment = {
        "LIGHTNING_MOCK_PORT": "9001",
        "LIGHTNING_MOCK_TOKEN_RATE": "12.5",
        "LIGHTNING_MOCK_SEED": "",
    }
    settings, credentials, _ = parse(["--port", "9002"], environment)
    assert (settings.port, settings.token_rate, settings.seed) == (9002, 12.5, None)
    assert credentials is None
    assert parse([], {})[0] == Settings()


def test_a_mistyped_variable_is_reported_with_the_nearest_name_and_without_its_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("LIGHTNING_MOCK_PROT", "sesame")
        warning, refusal = complaints(capsys, "--port", str(taken.getsockname()[1]))
    assert warning == (
        "lightning-mock: LIGHTNING_MOCK_PROT is not a variable of the mock and is ignored; did you mean "
        "LIGHTNING_MOCK_PORT?"
    )
    assert "cannot listen" in refusal


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("HOSTS", "HOST"),
        ("JOURNAL_BODY", "JOURNAL_BODIES"),
        ("CREDENTIAL", "CREDENTIALS"),
        ("SCENARIOS", "SCENARIO"),
        ("CONTROL-TOKEN", "CONTROL_TOKEN"),
        ("", None),
        ("XYZ", None),
    ],
)
def test_what_is_near_to_a_mistyped_variable(name: str, nearest: str | None) -> None:
    [warning] = ignored_variables({f"LIGHTNING_MOCK_{name}": "x", "PATH": "/bin"})
    assert warning.startswith(f"LIGHTNING_MOCK_{name} is not")
    assert warning.endswith(
        f"did you mean LIGHTNING_MOCK_{nearest}?" if nearest else "--help lists the variables"
    )


def test_no_variable_that_something_reads_is_reported() -> None:
    ours = [f"LIGHTNING_MOCK_{field.name.upper()}" for field in fields(Settings)]
    others = [
        "LIGHTNING_MOCK_CREDENTIALS",
        URL_VARIABLE,
        TOKEN_VARIABLE,
        "LIGHTNING_JWT",
        "LIGHTNING_MOCKERY",
    ]
    assert not list(ignored_variables(dict.fromkeys([*ours, *others], "x") | {"LIGHTNING_MOCK_PROT": ""}))


def test_the_address_of_a_service_with_our_name_in_kubernetes_is_no_setting() -> None:
    address = {
        "LIGHTNING_MOCK_PORT": "tcp://10.0.0.1:8787",
        "LIGHTNING_MOCK_PORT_8787_TCP_ADDR": "10.0.0.1",
        "LIGHTNING_MOCK_SERVICE_HOST": "10.0.0.1",
        "LIGHTNING_MOCK_SERVICE_PORT_HTTP": "8787",
    }
    ours = {"LIGHTNING_MOCK_PORT": "9000", "LIGHTNING_MOCK_HOST": "0.0.0.0"}
    assert without_kubernetes(address) == {}
    assert without_kubernetes(address | ours) == ours


def test_options_and_variables_become_the_same_settings(tmp_path: Path) -> None:
    options = [
        *("--host", "::1", "--port", "1", "--seed", "5", "--plans", "p", "--credentials", "c"),
        *("--first-token-delay", "0.5", "--token-rate", "20", "--metadata-form", "choices"),
        *("--retry-advice", "date"),
        *("--jwt-secret", "x" * 32, "--jwks", "j"),
    ]
    environment = {
        "LIGHTNING_MOCK_" + name.removeprefix("--").replace("-", "_").upper(): value
        for name, value in zip(options[::2], options[1::2], strict=True)
    }
    assert parse(options, {})[:2] == parse([], environment)[:2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("TOKEN_RATE", "fast"),
        ("METADATA_FORM", "xml"),
        ("JWT_SECRET", "short"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: Any, value: Any) -> None:
    with pytest.raises(SettingsError, match=name.lower() + "|" + name):
        parse([], {f"LIGHTNING_MOCK_{name}": value})

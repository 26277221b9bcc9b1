"""The fixtures in other people's projects, each a pytest run of its own.

Law: a run is a subprocess in an empty project. The first one lets the plugin be found by its entry point, as
a stranger's would; the others name it, to leave out all the other plugins of this environment.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest
from lightning_mock import pytest_plugin
from lightning_mock.background import RunningMock

from .conftest import Project

OURS = "lightning_mock.pytest_plugin"
HEAVY = ("aiohttp", "lightning_mock.background", "lightning_mock.client", "jsonschema_rs", "av", "PIL")


def test_it_is_found_by_its_entry_point() -> None:
    found = [entry.value for entry in entry_points(group="pytest11") if entry.name == "lightning_mock"]
    assert found == [OURS]


def test_the_fixtures_give_a_mock_a_client_and_a_user(project: Project) -> None:
    result = project.play(
        """
        from urllib.request import Request, urlopen

        def test_it(lightning, lightning_user):
            request = Request(lightning.base_url + "/subscription", headers=lightning_user.headers())
            with urlopen(request) as response:
                assert b'"plan_key":"light"' in response.read().replace(b" ", b"")
            assert [exchange.status for exchange in lightning.journal(user=lightning_user)] == [200]
        """
    )
    assert result.outcomes == {"passed": 1}, result.output


def test_each_test_has_its_own_user_on_one_mock(project: Project) -> None:
    result = project.play(
        """
        import pytest

        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(lightning, lightning_user, number):
            seen.add((lightning.base_url, lightning_user.id))
            assert len(seen) == number + 1
            assert len({address for address, _ in seen}) == 1
        """,
        OURS,
    )
    assert result.outcomes == {"passed": 3}, result.output


def test_what_one_test_does_the_next_does_not_see(project: Project) -> None:
    result = project.play(
        """
        import time

        def test_one(lightning):
            lightning.fail_next(times=None)
            lightning.set_limits("light", imagesDaily=1)
            lightning.advance(days=100)
            lightning.freeze()

        def test_two(lightning, lightning_user):
            assert lightning.faults() == []
            assert lightning_user.usage()["imagesDaily"].limit == 50
            assert abs(lightning.clock().epoch - time.time()) < 60
            assert not lightning.clock().frozen
        """,
        OURS,
    )
    assert result.outcomes == {"passed": 2}, result.output


FAILING = """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    def test_it(lightning):
        guest = lightning.guest()
        guest.exhaust("imagesDaily")
        try:
            urlopen(Request(lightning.base_url + "/gen/image/boat", headers=guest.headers()))
        except HTTPError:
            pass
        assert {outcome}
"""


def test_a_failed_test_shows_what_the_mock_answered_and_why(project: Project) -> None:
    result = project.play(FAILING.format(outcome=False), OURS)
    assert result.outcomes == {"failed": 1}, result.output
    assert "lightning mock" in result.output
    assert "GET /gen/image/boat -> 429: " in result.output


def test_a_passed_test_shows_nothing(project: Project) -> None:
    result = project.play(FAILING.format(outcome=True), OURS)
    assert result.outcomes == {"passed": 1}, result.output
    assert "/gen/image/boat" not in result.output


def test_a_project_can_choose_the_settings_of_its_mock(project: Project) -> None:
    conftest = """
        import pytest

        @pytest.fixture(scope="session")
        def lightning_mock_settings():
            return {"seed": 7, "control_token": "open sesame"}
        """
    result = project.play("def test_it(lightning):\n    assert lightning.clock()\n", OURS, conftest=conftest)
    assert result.outcomes == {"passed": 1}, result.output


def test_a_mock_that_runs_already_is_used(project: Project, mock: RunningMock) -> None:
    result = project.play(
        f"""
        import sys

        def test_it(lightning, lightning_user):
            assert lightning.base_url == "{mock.base_url}"
            assert lightning_user.exhaust("imagesDaily")["imagesDaily"].remaining == 0
            assert "aiohttp" not in sys.modules
        """,
        OURS,
        LIGHTNING_MOCK_URL=mock.base_url,
    )
    assert result.outcomes == {"passed": 1}, result.output


def test_a_mock_that_was_named_and_is_not_there_is_an_error_that_says_so(
    project: Project, free_address: str
) -> None:
    result = project.play("def test_it(lightning):\n    pass\n", OURS, LIGHTNING_MOCK_URL=free_address)
    assert result.outcomes == {"error": 1}, result.output
    assert f"no Lightning mock answers at {free_address}" in result.output


def test_it_works_in_parallel_and_with_asyncio(project: Project) -> None:
    result = project.play(
        """
        import asyncio
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(lightning, lightning_user, number):
            async def call():
                reader, writer = await asyncio.open_connection(*lightning.base_url[7:].split(":"))
                writer.write(b"GET /status HTTP/1.0\\r\\n\\r\\n")
                answer = await reader.read()
                writer.close()
                return answer
            assert b"200 OK" in asyncio.run(call())
            lightning.advance(days=1)
        """,
        OURS,
        "xdist.plugin",
        PYTEST_ADDOPTS="-n 2",
    )
    assert result.outcomes == {"passed": 4}, result.output


UNUSED = f"""
    import sys

    def test_it():
        assert "lightning_mock.pytest_plugin" in sys.modules
        assert not [name for name in {HEAVY} if name in sys.modules]
"""


def test_a_project_that_does_not_use_it_loads_nothing_heavy(project: Project) -> None:
    result = project.play(UNUSED, OURS)
    assert result.outcomes == {"passed": 1}, result.output


@pytest.mark.parametrize("question", ["--help", "--markers"])
def test_a_project_that_does_not_use_it_has_no_new_option_or_marker(project: Project, question: Any) -> None:
    ask = ("-m", "pytest", question)
    without = project.command(*ask, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    loaded = project.command(*ask, "-p", OURS, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert loaded == without


def test_it_hooks_into_nothing() -> None:
    assert not [name for name in vars(pytest_plugin) if name.startswith("pytest_")]

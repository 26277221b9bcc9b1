"""LangChain's own standard suite for chat models, against the mock through `langchain-openai`.

Needs the extra `clients`. What the suite skips, it skips by itself: inputs that no text model takes.
"""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from lightning_mock.background import RunningMock, running

pytest.importorskip("langchain_tests", reason="LangChain is not installed; pip install -e '.[test,clients]'")

import httpx
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

pytestmark = pytest.mark.langchain


@pytest.fixture(scope="module", params=["bare", "choices"])
def lightning_host(request) -> Iterator[RunningMock]:
    with running(metadata_form=request.param) as started:
        yield started


class TestLightning(ChatModelIntegrationTests):
    """Calls, streams, tools and structured answers."""

    params: ClassVar[dict[str, object]] = {}

    @pytest.fixture(autouse=True)
    def _point_at_the_mock(self, lightning_host, monkeypatch):
        params = {
            "model": "lightning",
            "base_url": f"{lightning_host.base_url}/gen",
            "api_key": lightning_host.plans["professional"].api_key,
            "stream_usage": True,
            # The library keeps its own client for all tests, but each of them has an event loop of its own.
            "http_async_client": httpx.AsyncClient(),
        }
        monkeypatch.setattr(type(self), "params", params)

    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return self.params

    @property
    def supports_json_mode(self):
        return True

"""The loader hands out what the files say and refuses, with the place, whatever it does not know."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning_spec.loader import (
    OPENAPI_FILE,
    Clamp,
    Metric,
    SpecError,
    TextLimit,
    load_plans,
    load_spec,
    parse_plans,
    parse_spec,
)

Change = Callable[[dict[str, Any]], object]
RAW: dict[str, Any] = load_spec().document


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(RAW)
    change(document)
    return document


def test_the_spec_is_read_once() -> None:
    assert load_spec() is load_spec(OPENAPI_FILE)


def test_an_operation_is_read_with_everything_it_needs() -> None:
    image = load_spec().operations["createImage"]
    assert (image.method, image.path, image.area, image.auth) == ("POST", "/gen/image", "media", "optional")
    assert image.section == "POST /gen/image and GET /gen/image/{prompt}"
    assert image.metric == "imagesDaily"
    assert image.text_limit == TextLimit(characters=2048, bytes=4096)
    assert image.media_type == "image/jpeg"
    assert image.body_pointer == "#/paths/~1gen~1image/post/requestBody/content/application~1json/schema"
    assert image.responses["200"] == {"image/*": None}
    error_schema = "#/components/responses/Unauthorized/content/application~1json/schema"
    assert image.responses["401"] == {"application/json": error_schema}
    assert image.event_pointer is None


def test_a_parameter_is_read_with_its_references_followed() -> None:
    parameters = {parameter.name: parameter for parameter in load_spec().operations["getVideo"].parameters}
    assert list(parameters) == ["prompt", "ratio", "mode", "duration", "image_urls", "X-Client-ID"]
    assert parameters["duration"].schema["type"] == "integer"
    assert parameters["duration"].pointer == "#/components/schemas/Duration"
    assert [name for name, parameter in parameters.items() if parameter.required] == ["prompt"]
    assert parameters["X-Client-ID"].location == "header"


def test_the_auth_of_an_operation_is_its_security() -> None:
    by_auth: dict[str, set[str]] = {}
    for operation in load_spec().operations.values():
        by_auth.setdefault(operation.auth, set()).add(operation.id)
    assert by_auth["required"] == {"getSubscription"}
    assert {"getUsage", "analyzePrompt", "getTts"} <= by_auth["optional"]
    assert {"getSite", "listTiers", "getAsset", "headStatusText"} <= by_auth["none"]


def test_the_values_handed_out_cannot_be_changed() -> None:
    spec = load_spec()
    with pytest.raises(TypeError):
        spec.plans[0].limits["imagesDaily"] = 1000  # type: ignore[index]
    with pytest.raises(TypeError):
        spec.operations["x"] = spec.operations["getUsage"]  # type: ignore[index]


def test_a_changed_fact_changes_what_is_handed_out() -> None:
    def change(document: dict[str, Any]) -> None:
        document["x-lightning-plans"]["plans"][0]["limits"]["imagesDaily"] = 11
        document["x-lightning-plans"]["default"] = "core"
        document["x-lightning-metrics"]["audioWeekly"] = {"window": "day", "period": "each day"}
        document["x-lightning-errors"]["too_large"]["status"] = 414
        document["x-lightning-public-site"] = "https://example.org"
        document["paths"]["/tiers"]["get"]["x-lightning-aliases"] = ["/tiers/"]
        document["paths"]["/usage"]["get"]["x-lightning-upstream"] = False
        document["x-lightning-body-limit-bytes"] = 99
        document["x-lightning-asset-lifetime-seconds"] = 98
        document["x-lightning-client-id-pattern"] = "^x$"
        document["components"]["schemas"]["Duration"].update(
            {"default": 7, "x-lightning-clamp": {"minimum": 2, "maximum": 8}}
        )
        operation = document["paths"]["/gen/sfx"]["post"]
        operation["x-lightning-metric"] = "imagesDaily"
        operation["x-lightning-text-limit"] = {"characters": 1, "bytes": 2}
        operation["x-lightning-media-type"] = "audio/wav"

    spec = parse_spec(changed(change))
    assert spec.plans[0].limits["imagesDaily"] == 11
    assert spec.default_plan == "core"
    assert spec.metrics["audioWeekly"] == Metric("audioWeekly", "day", "each day")
    assert spec.errors["too_large"].status == 414
    assert spec.public_site == "https://example.org"
    assert spec.operations["listTiers"].aliases == ("/tiers/",)
    assert not spec.operations["getUsage"].upstream
    assert spec.operations["listModels"].upstream
    assert (spec.body_limit_bytes, spec.asset_lifetime_seconds, spec.client_id_pattern) == (99, 98, "^x$")
    assert spec.duration == Clamp(minimum=2, maximum=8, default=7)
    sfx = spec.operations["createSfx"]
    assert (sfx.metric, sfx.text_limit, sfx.media_type) == ("imagesDaily", TextLimit(1, 2), "audio/wav")


REFUSED: list[tuple[Change, str]] = [
    (lambda d: d.update({"x-lightning-colour": 1}), "openapi: unknown key 'x-lightning-colour'"),
    (lambda d: d.pop("x-lightning-metrics"), "openapi: the key 'x-lightning-metrics' is missing"),
    (
        lambda d: d["paths"]["/usage"]["get"].update({"x-lightning-metrik": "imagesDaily"}),
        "GET /usage: unknown key 'x-lightning-metrik'",
    ),
    (lambda d: d["paths"]["/usage"].update({"fetch": {}}), "/usage: unknown key 'fetch'"),
    (
        lambda d: d["paths"]["/tiers"]["get"].update({"operationId": "getUsage"}),
        "GET /tiers: the operationId 'getUsage' appears twice",
    ),
    (
        lambda d: d["paths"]["/gen/sfx"]["post"].update({"x-lightning-metric": "soundsDaily"}),
        "POST /gen/sfx x-lightning-metric: expected one of cloudChatDaily, imagesDaily,",
    ),
    (
        lambda d: d["paths"]["/usage"]["get"].update({"x-lightning-section": "GET /abusage"}),
        "GET /usage x-lightning-section: expected one of",
    ),
    (lambda d: d["paths"]["/usage"]["get"].update({"tags": ["misc"]}), "GET /usage tags: expected one of"),
    (
        lambda d: d["paths"]["/usage"]["get"].update({"security": [{"cookie": []}]}),
        "GET /usage security: expected no security",
    ),
    (
        lambda d: d["paths"]["/gen/sfx"]["post"].update({"x-lightning-text-limit": {"characters": 5}}),
        "POST /gen/sfx x-lightning-text-limit: the key 'bytes' is missing",
    ),
    (
        lambda d: d["paths"]["/gen/sfx"]["post"]["requestBody"]["content"].update({"text/plain": {}}),
        "POST /gen/sfx requestBody: unknown key 'text/plain'",
    ),
    (
        lambda d: d["paths"]["/gen/sfx/{prompt}"]["get"].update({"parameters": []}),
        "GET /gen/sfx/{prompt}: the path and its parameters disagree",
    ),
    (
        lambda d: d["paths"]["/gen/sfx/{prompt}"]["get"]["parameters"].append(
            {"$ref": "#/components/parameters/Prompt"}
        ),
        "GET /gen/sfx/{prompt} parameters: the path parameter 'prompt' appears twice",
    ),
    (
        lambda d: d["components"]["parameters"]["Ratio"].update(
            {"schema": {"$ref": "#/components/schemas/No"}}
        ),
        "the reference '#/components/schemas/No' leads nowhere",
    ),
    (
        lambda d: d["components"]["parameters"].update({"Ratio": {"$ref": "#/components/parameters/Ratio"}}),
        "leads in a circle or out of the file",
    ),
    (
        lambda d: d["components"]["schemas"]["Usage"].update({"x-note": "hm"}),
        "components.schemas.Usage: unknown key 'x-note'",
    ),
    (
        lambda d: d["components"]["schemas"]["Duration"].pop("x-lightning-clamp"),
        "components.schemas: expected one x-lightning-clamp, got 0",
    ),
    (
        lambda d: d["components"]["schemas"]["Duration"].update({"default": 11}),
        "components.schemas.Duration.x-lightning-clamp: the default lies outside the range",
    ),
    (
        lambda d: d["x-lightning-plans"]["plans"].append(d["x-lightning-plans"]["plans"][0]),
        "x-lightning-plans.plans[5]: the plan key 'free' appears twice",
    ),
    (
        lambda d: d["x-lightning-plans"]["plans"][1]["limits"].pop("imagesDaily"),
        "x-lightning-plans.plans[1].limits: the key 'imagesDaily' is missing",
    ),
    (
        lambda d: d["x-lightning-plans"]["plans"][1]["limits"].update({"imagesDaily": -1}),
        "x-lightning-plans.plans[1].limits.imagesDaily: expected a whole number of at least 0, got -1",
    ),
    (
        lambda d: d["x-lightning-plans"]["plans"][1]["limits"].update({"imagesDaily": 2**53}),
        "x-lightning-plans.plans[1].limits.imagesDaily: expected a whole number of at most 9007199254740991, "
        "got 9007199254740992",
    ),
    (
        lambda d: d["x-lightning-plans"]["plans"][1]["limits"].update({"imagesDaily": -(10**5000)}),
        "x-lightning-plans.plans[1].limits.imagesDaily: expected a whole number of at least 0, "
        "got a number of thousands of digits",
    ),
    (
        lambda d: d["x-lightning-plans"]["plans"][1].update({"price": "5"}),
        "x-lightning-plans.plans[1].price: expected text with two decimals or a number, got '5'",
    ),
    (
        lambda d: d["x-lightning-plans"].update({"default": "gold"}),
        "x-lightning-plans.default: expected one of free, light, core, creator, professional, got 'gold'",
    ),
    (
        lambda d: d["x-lightning-metrics"]["imagesDaily"].update({"window": "month"}),
        "x-lightning-metrics.imagesDaily.window: expected one of day, week, got 'month'",
    ),
    (
        lambda d: d["x-lightning-errors"]["too_large"].update({"status": "413"}),
        "x-lightning-errors.too_large.status: expected a whole number of at least 400, got '413'",
    ),
    (
        lambda d: d["paths"]["/usage"]["get"].update({"x-lightning-upstream": "no"}),
        "GET /usage x-lightning-upstream: expected true or false, got 'no'",
    ),
    (
        lambda d: d.update({"x-lightning-client-id-pattern": "["}),
        "x-lightning-client-id-pattern: is not a regular expression",
    ),
    (
        lambda d: d["x-lightning-sections"].append("GET /usage"),
        "x-lightning-sections: the section 'GET /usage' appears twice",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message[:70] for _, message in REFUSED])
def test_the_loader_refuses_and_says_where(change: Change, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(change))
    assert message in str(caught.value)


def test_a_caller_may_name_a_field_of_an_example_as_he_likes() -> None:
    def change(document: dict[str, Any]) -> None:
        example = document["paths"]["/gen/sfx"]["post"]["requestBody"]["content"]["application/json"][
            "examples"
        ]
        example["prompt"]["value"]["x-anything"] = 1

    assert parse_spec(changed(change)).operations["createSfx"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "spec.yaml, line 3: the key 'a' appears twice"),
        ("200: ok\n", "spec.yaml, line 1: the key 200 must be text; put it in quotes"),
        ("- a\n", "spec.yaml: expected a mapping, got ['a']"),
        ("", "spec.yaml: expected a mapping, got nothing"),
        ("a: {", "spec.yaml: is not YAML"),
        ("a: !!python/object:os.system {}\n", "spec.yaml: is not YAML"),
    ],
)
def test_a_file_that_is_not_clean_yaml_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(content)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no-such.yaml: cannot be read"):
        load_spec(tmp_path / "no-such.yaml")


def test_dates_in_a_file_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    text = OPENAPI_FILE.read_text().replace('window: "2026-05-15"', "window: 2026-05-15")
    path.write_text(text)
    assert load_spec(path).document == RAW


def test_a_catalogue_file_takes_the_place_of_the_plans(tmp_path: Path) -> None:
    metrics = load_spec().metrics
    plans = copy.deepcopy(RAW["x-lightning-plans"])
    plans["plans"] = [{**plans["plans"][1], "order": 5}, {**plans["plans"][0], "order": 2}]
    path = tmp_path / "plans.yaml"
    path.write_text(yaml.safe_dump(plans))
    catalogue = load_plans(path, metrics)
    assert catalogue.default == "free"
    assert [plan.key for plan in catalogue.plans] == ["free", "light"]
    assert catalogue == parse_plans(plans, metrics, "plans")


def test_a_faulty_catalogue_file_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "plans.json"
    path.write_text('{"default": "free", "plans": [], "extra": 1}')
    with pytest.raises(SpecError, match=r"plans.json: unknown key 'extra'"):
        load_plans(path, load_spec().metrics)

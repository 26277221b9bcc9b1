"""The routes that only show something: account, plans, models and status."""

from __future__ import annotations

from typing import Any

from lab.server import facts
from lab.server.lab import Call, Data, Handler, Json, Lab, Reply


async def site(_lab: Lab, _call: Call) -> Reply:
    return Data(b"", "text/html", 308, [("Location", facts.PUBLIC_SITE)])


async def subscription(lab: Lab, call: Call) -> Reply:
    plan = lab.plans[call.identity.plan]
    row = {
        "status": "active",
        "product_name": plan.name,
        "plan_key": plan.key,
        "plan_id": f"price_{plan.key}",
        "current_period_start": "2026-01-01T00:00:00Z",
        "current_period_end": "2027-01-01T00:00:00Z",
    }
    return Json(
        {
            "email": call.identity.email,
            "signed_up": "2025-01-15T00:00:00Z",
            "plan_key": plan.key,
            "plan_name": plan.name,
            "subscription": None if plan.key == lab.default_plan else [row],
            "auth_type": call.identity.auth_type,
        }
    )


def metric_row(lab: Lab, call: Call, metric: str) -> dict[str, Any]:
    limit = lab.limit_of(call.identity, metric)
    used = lab.used_of(call.identity, metric)
    return {
        "limit": limit,
        "used": used,
        "remaining": None if limit is None else max(0, limit - used),
        "window": lab.window_of(metric, lab.clock()),
        "period": "weekly" if metric in facts.WEEKLY else "daily",
    }


async def usage(lab: Lab, call: Call) -> Reply:
    plan = lab.plans[call.identity.plan]
    return Json(
        {
            "plan_key": plan.key,
            "plan_name": plan.name,
            "generated_at": lab.clock().isoformat().replace("+00:00", "Z"),
            "usage": {metric: metric_row(lab, call, metric) for metric in facts.METRICS},
        }
    )


def plan_rows(lab: Lab) -> list[dict[str, Any]]:
    return [
        {
            "key": plan.key,
            "name": plan.name,
            "url": plan.url,
            "price": plan.price,
            "limits": dict(plan.limits),
            "order": order,
        }
        for order, plan in enumerate(lab.plans.values())
    ]


async def tier_config(lab: Lab, _call: Call) -> Reply:
    return Json({"defaultPlanKey": lab.default_plan, "plans": plan_rows(lab)})


async def tiers(lab: Lab, _call: Call) -> Reply:
    return Json([row for row in plan_rows(lab) if row["key"] != lab.default_plan])


async def models(_lab: Lab, _call: Call) -> Reply:
    rows = [
        ("llama3.2", "A small general model", ["1b", "3b"], "41.2M", ["tools"]),
        ("qwen3", "Dense and mixture-of-experts models", ["8b", "30b"], "15.9M", ["tools", "thinking"]),
        ("nomic-embed-text", "An embedding model", [], "43M", ["embedding"]),
    ]
    return Json(
        [
            {
                "name": name,
                "description": text,
                "sizes": sizes,
                "pulls": pulls,
                "tags": tags,
                "updated": "2 months ago",
                "link": f"/library/{name}",
            }
            for name, text, sizes, pulls, tags in rows
        ]
    )


async def status(_lab: Lab, _call: Call) -> Reply:
    return Json(
        {
            "state": "operational",
            "services": {name: {"state": "ok", "message": ""} for name in ("text", "image", "video", "sfx")},
            "notifications": "",
            "latest": "2.12.2",
        }
    )


async def capability(lab: Lab, call: Call) -> Reply:
    return Data(b"", lab.head_types[call.operation.id])


HANDLERS: dict[str, Handler] = {
    "getSite": site,
    "getSubscription": subscription,
    "getUsage": usage,
    "getTierConfig": tier_config,
    "listTiers": tiers,
    "listModels": models,
    "getStatus": status,
    **dict.fromkeys(facts.HEAD_TYPES, capability),
}

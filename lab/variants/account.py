"""Account, usage and plans with other values and other fields."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from email.utils import format_datetime
from typing import Any

from lab import seams
from lab.proofs import read
from lab.seams import at, edit, put
from lab.server import facts
from lab.server.lab import Call, Identity, Json, Lab, Reply
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

PAID, KEY = "LIGHTNING_JWT", "LIGHTNING_API_KEY"

_USAGE, _CATALOGUE, _TIERS = read("/usage"), read("/tier-config"), read("/tiers")

_ACCOUNT = read("/subscription", PAID)


# --- Usage --------------------------------------------------------------------------------------------------
def _used_up(lab: Lab) -> None:
    used = lab.used_of

    def used_of(identity: Identity, metric: str) -> int:
        at_limit = lab.limit_of(identity, metric) if identity.key == "user:free" else None
        return used(identity, metric) + (at_limit or 0)

    lab.used_of = used_of


VARIANTS.group("spent", read("/usage", "LIGHTNING_FREE_JWT")).add(
    "free-account-used-up: the free account has no units left", _used_up
)


def _rows(function: Callable[[str, dict[str, Any]], None]) -> seams.Apply:
    def change(value: Any) -> Any:
        for name, row in value["usage"].items():
            function(name, row)
        return value

    return edit("getUsage", change)


def _words(name: str, row: dict[str, Any]) -> None:
    weekly = name.endswith("Weekly")
    row["window"], row["period"] = ("weekly", "week") if weekly else ("daily", "day")


VARIANTS.group("window", _USAGE).add(
    "window-in-words: window is daily or weekly, period is day or week", _rows(_words)
)


def _spelt_out(name: str, row: dict[str, Any]) -> None:
    weekly = name.endswith("Weekly")
    row["window"], row["period"] = ("since Monday", "7-day") if weekly else ("rolling_24_hours", "24-hour")


VARIANTS.group("window", _USAGE).add("period-spelt-out: a period counts its hours or days", _rows(_spelt_out))


def _iso(name: str, row: dict[str, Any]) -> None:
    row["window"], row["period"] = "resets in 5 hours", "P7D" if name.endswith("Weekly") else "P1D"


VARIANTS.group("window", _USAGE).add(
    "period-in-iso: period is P1D or P7D, window says when it ends", _rows(_iso)
)


def _counted(name: str, row: dict[str, Any]) -> None:
    row["window"], row["period"] = 7 if name.endswith("Weekly") else 1, "days"


VARIANTS.group("window", _USAGE).add(
    "window-in-days: window is a number, and period the unit that it counts in", _rows(_counted)
)


def _range(name: str, row: dict[str, Any]) -> None:
    row["window"] = f"{row['window']}..+{'7d' if name.endswith('Weekly') else '1d'}"


VARIANTS.group("window", _USAGE).add("window-as-range: window is a range", _rows(_range))


def _instants(lab: Lab) -> None:
    def window(metric: str, now: Any) -> str:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight - timedelta(days=now.weekday() if metric in facts.WEEKLY else 0)
        return str(start.isoformat())

    lab.window_of = window


VARIANTS.group("window", lambda c: [len(row["window"]) for row in c.usage().values()]).add(
    "window-as-instant: window is the instant at which it began", _instants
)


def _zone(lab: Lab) -> None:
    plain = lab.window_of
    # Far enough that the day differs from the UTC day whatever the hour.
    lab.window_of = lambda metric, now: plain(metric, now + timedelta(hours=14 if now.hour >= 10 else -12))


VARIANTS.group("zone", lambda c: c.usage()["imagesDaily"]["window"]).add(
    "another-time-zone: the day begins at another hour than in UTC", _zone
)


def _extra_metrics(value: Any) -> Any:
    for name in ("aiShieldDaily", "verifyTokenWithEmailDaily"):
        value["usage"][name] = {"limit": 2, "used": 0, "remaining": 2, "window": "today", "period": "daily"}
    return value


def plans(function: Callable[[facts.Plan], facts.Plan]) -> seams.Apply:
    """Change every plan of the catalogue, for all routes alike."""

    def apply(lab: Lab) -> None:
        lab.plans = {key: function(plan) for key, plan in lab.plans.items()}

    return apply


VARIANTS.group("", _USAGE).add(
    "extra-metrics: usage and limits have metrics that the document does not name",
    seams.both(
        edit("getUsage", _extra_metrics),
        plans(lambda plan: replace(plan, limits={**plan.limits, "aiShieldDaily": 2})),
    ),
)

VARIANTS.group("", read("/usage", PAID)).add(
    "remaining-when-unlimited: remaining is a number where the limit is null",
    _rows(lambda _, row: row.update(remaining=10**9) if row["limit"] is None else None),
)

VARIANTS.group("", read("/usage", PAID)).add(
    "unlimited-is-the-largest-integer: limit and remaining are 2147483647 where there is no limit",
    _rows(lambda _, row: row.update(limit=2**31 - 1, remaining=2**31 - 1) if row["limit"] is None else None),
)

VARIANTS.group("", _CATALOGUE).add(
    "unlimited-is-large: unlimited is a million, in the catalogue and in usage",
    plans(lambda p: replace(p, limits={k: 10**6 if v is None else v for k, v in p.limits.items()})),
)


def _generated(lab: Lab, function: Callable[[Any], str]) -> None:
    def change(inner: Lab, call: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and call.operation.id == "getUsage" and reply.refused is None:
            reply.payload["generated_at"] = function(inner.clock())
        return reply

    lab.changes.append(change)


VARIANTS.group("generated-at", lambda c: len(c.get("/usage").json["generated_at"])).add(
    "generated-at-with-offset: generated_at ends with +00:00 and has whole seconds",
    lambda lab: _generated(lab, lambda now: now.replace(microsecond=0).isoformat()),
)


def _in_zone(now: Any) -> str:
    return str(now.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat())


VARIANTS.group("generated-at", lambda c: c.get("/usage").json["generated_at"].endswith("+05:30")).add(
    "generated-at-in-a-zone: generated_at has the offset of another zone",
    lambda lab: _generated(lab, _in_zone),
)

VARIANTS.group("generated-at", lambda c: len(c.get("/usage").json["generated_at"])).add(
    "clock-ahead: the host's clock is twenty seconds ahead",
    lambda lab: _generated(lab, lambda now: (now + timedelta(seconds=20)).isoformat()),
)


VARIANTS.group("generated-at", lambda c: c.get("/usage").json["generated_at"].endswith("GMT")).add(
    "generated-at-as-in-mail: generated_at has the form of a Date header",
    lambda lab: _generated(lab, lambda now: format_datetime(now, usegmt=True)),
)

VARIANTS.group("generated-at", lambda c: c.get("/usage").json["generated_at"].isdigit()).add(
    "generated-at-in-digits: generated_at is seconds since 1970, as text",
    lambda lab: _generated(lab, lambda now: str(int(now.timestamp()))),
)

VARIANTS.group("generated-at", lambda c: c.get("/usage").json["generated_at"].endswith("]")).add(
    "generated-at-with-its-zone: generated_at names its zone, as RFC 9557 has it",
    lambda lab: _generated(lab, lambda now: f"{_in_zone(now)}[Asia/Kolkata]"),
)

VARIANTS.group("generated-at", lambda c: len(c.get("/usage").json["generated_at"])).add(
    "generated-at-by-the-minute: generated_at has no seconds",
    lambda lab: _generated(lab, lambda now: now.strftime("%Y-%m-%dT%H:%MZ")),
)


def lagging(seconds: float) -> seams.Apply:
    """/usage shows the counters of some time ago; enforcement is immediate."""

    def apply(lab: Lab) -> None:
        plain = lab.used_of
        seen: dict[tuple[str, str], list[tuple[float, int]]] = {}

        async def step(inner: Lab, call: Call, run: Callable[[], Any]) -> None:
            await run()
            if metric := inner.metric_of[call.operation.id]:
                row = seen.setdefault((call.identity.key, metric), [])
                row.append((time.monotonic(), plain(call.identity, metric)))

        def shown(inner: Lab, call: Call, reply: Reply) -> Reply:
            if isinstance(reply, Json) and call.operation.id == "getUsage" and reply.refused is None:
                old = time.monotonic() - seconds
                for metric in facts.METRICS:
                    history = seen.get((call.identity.key, metric), [])
                    used = max((count for at_, count in history if at_ <= old), default=0)
                    row = reply.payload["usage"][metric]
                    row["used"] = used
                    if row["limit"] is not None:
                        row["remaining"] = max(0, row["limit"] - used)
            return reply

        seams.around("charge", step)(lab)
        lab.changes.insert(0, shown)

    return apply


VARIANTS.group("usage-values", lambda c: (c.generate("image").status, c.used())).add(
    "lagging-usage: /usage shows a unit two seconds after it was taken", lagging(2.0)
)


def _busy_account(lab: Lab) -> None:
    dice = random.Random(5)

    async def step(inner: Lab, call: Call, run: Callable[[], Any]) -> None:
        await run()
        if call.identity.key == "user:paid" and call.operation.auth != "none" and dice.random() < 0.4:
            for metric in ("cloudChatDaily", "imagesDaily"):
                seams.count(inner, call.identity.key, metric)

    seams.around("identify", step)(lab)


VARIANTS.group("usage-values", lambda c: [c.used(PAID) for _ in range(12)][-1]).add(
    "busy-account: somebody else spends chats and images on the paid account", _busy_account
)

# --- Subscription -------------------------------------------------------------------------------------------
VARIANTS.group("row", _ACCOUNT).add(
    "subscription-row-of-console: a subscription row has status, plan_id and the period only",
    edit(
        "getSubscription",
        at(
            "subscription",
            put(
                lambda rows: (
                    rows
                    and [{"id": "sub_1", "status": "active", "plan_id": "light", "current_period_end": 0}]
                )
            ),
        ),
    ),
).add(
    "subscription-with-history: there are two rows, one of them canceled",
    edit(
        "getSubscription",
        at("subscription", put(lambda rows: rows and [{**rows[0], "status": "canceled"}, *rows])),
    ),
).add(
    "periods-in-epoch: the period of a row is in seconds",
    edit(
        "getSubscription",
        at("subscription", put(lambda rows: rows and [{**rows[0], "current_period_end": 1.8e9}])),
    ),
)

VARIANTS.group("signed-up", _ACCOUNT).add(
    "signed-up-boolean: signed_up is true", edit("getSubscription", at("signed_up", put(True)))
)

VARIANTS.group("email", _ACCOUNT).add(
    "account-without-email: email is null, as for accounts of another provider",
    edit("getSubscription", at("email", put(None))),
).add(
    "email-empty: email is an empty text where there is none", edit("getSubscription", at("email", put("")))
)

VARIANTS.group("email", read("/subscription", KEY)).add(
    "email-of-tokens-only: email is null for an API key, since only a token brings one along",
    edit(
        "getSubscription",
        lambda view: {**view, "email": view["email"] if view["auth_type"] == "jwt" else None},
    ),
)

# --- Plans --------------------------------------------------------------------------------------------------
VARIANTS.group("", _CATALOGUE).add(
    "other-plan-names: plans have the names of the desktop client",
    plans(lambda p: replace(p, name="Free Tier" if p.key == "free" else f"InferencePort {p.name}")),
)

VARIANTS.group("limits", _USAGE).add(
    "other-limits: the limits are others than the pricing page's",
    plans(lambda p: replace(p, limits={k: v if v is None else v * 2 + 1 for k, v in p.limits.items()})),
)

VARIANTS.group("limits", _USAGE).add(
    "no-free-videos: the free plan has no videos at all",
    plans(lambda p: replace(p, limits={**p.limits, "videosDaily": 0}) if p.key == "free" else p),
)

VARIANTS.group("", _CATALOGUE).add(
    "chat-limited-for-all: chats are limited on every plan",
    plans(lambda p: replace(p, limits={**p.limits, "cloudChatDaily": p.limits["cloudChatDaily"] or 500})),
)


def _prices(lab: Lab, function: Callable[[str], Any]) -> None:
    edit("getTierConfig", at("plans.*.price", put(function)))(lab)
    edit("listTiers", at("*.price", put(function)))(lab)


VARIANTS.group("price", _CATALOGUE).add(
    "price-numbers: prices are numbers", lambda lab: _prices(lab, float)
).add("price-with-currency: prices have a currency", lambda lab: _prices(lab, lambda p: f"${p}")).add(
    "price-objects: prices have an amount and a currency",
    lambda lab: _prices(lab, lambda p: {"amount": float(p), "currency": "USD"}),
)

VARIANTS.group("", _CATALOGUE).add(
    "limit-objects: each limit of the catalogue is an object",
    seams.both(
        edit("getTierConfig", at("plans.*.limits.*", put(lambda limit: {"limit": limit}))),
        edit("listTiers", at("*.limits.*", put(lambda limit: {"limit": limit}))),
    ),
).add(
    "orders-from-ten: order counts in tens",
    seams.both(
        edit("getTierConfig", at("plans.*.order", put(lambda n: 10 * n + 10))),
        edit("listTiers", at("*.order", put(lambda n: 10 * n + 10))),
    ),
).add(
    "plans-in-reverse: plans and tiers stand in reverse order",
    seams.both(
        edit("getTierConfig", at("plans", put(lambda rows: rows[::-1]))),
        edit("listTiers", lambda rows: rows[::-1]),
    ),
).add(
    "free-url-null: the free plan has a null url",
    edit("getTierConfig", at("plans", put(lambda rows: [{**r, "url": r["url"] or None} for r in rows]))),
).add(
    "another-plan: there is one more plan, in the catalogue and among the tiers",
    lambda lab: lab.plans.update(
        team=replace(lab.plans["creator"], key="team", name="AI Team", price="199.99")
    ),
)

VARIANTS.group("tiers", _TIERS).add(
    "tiers-short: /tiers has key, name, url and price only",
    edit("listTiers", lambda rows: [{k: r[k] for k in ("key", "name", "url", "price")} for r in rows]),
).add(
    "tiers-in-cents: /tiers has prices in cents",
    edit("listTiers", at("*.price", put(lambda price: round(100 * float(price))))),
)


def _starter(lab: Lab) -> None:
    lab.plans = {("starter" if key == "free" else key): plan for key, plan in lab.plans.items()}
    lab.plans["starter"] = replace(lab.plans["starter"], key="starter", name="Starter")
    lab.default_plan = "starter"

    def moved(_: Lab, __: Call, who: Identity) -> Identity:
        return replace(who, plan="starter") if who.plan == "free" else who

    seams.resolve(moved)(lab)


VARIANTS.group("default", _CATALOGUE).add(
    "default-plan-starter: the free plan is called starter", _starter
).add(
    "default-plan-preselected: defaultPlanKey is the plan that a dialog begins with, which costs something",
    edit("getTierConfig", at("defaultPlanKey", put("core"))),
)


def _free_only(lab: Lab) -> None:
    lab.plans = {lab.default_plan: lab.plans[lab.default_plan]}
    seams.resolve(lambda inner, _, who: replace(who, plan=inner.default_plan))(lab)


VARIANTS.group("default", _TIERS).add(
    "free-plan-only: there is no paid plan, and everybody is on the free one", _free_only
)


def _no_longer_on_offer(lab: Lab) -> None:
    lab.plans["pioneer"] = replace(lab.plans["core"], key="pioneer", name="Pioneer")
    seams.resolve(lambda _, __, who: replace(who, plan="pioneer") if who.plan == "light" else who)(lab)
    edit("getTierConfig", at("plans", put(_on_offer)))(lab)
    edit("listTiers", _on_offer)(lab)


def _on_offer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["key"] != "pioneer"]


VARIANTS.group("default", _ACCOUNT).add(
    "plan-no-longer-on-offer: the paid account is on a plan that the catalogue no longer has",
    _no_longer_on_offer,
)

"""Plausible places for an error to come from, so that an event shows a stack trace worth reading."""

from dataclasses import dataclass

from sentry_sandbox.nouns import Issue


@dataclass(frozen=True)
class Line:
    filename: str
    module: str
    function: str
    number: int
    before: tuple[str, ...]
    code: str
    after: tuple[str, ...]
    is_ours: bool = True


@dataclass(frozen=True)
class CrashSite:
    """Frames lie oldest call first, the crash last, as Sentry keeps them."""

    sdk: str
    lines: tuple[Line, ...]

    @property
    def filename(self) -> str:
        return self.lines[-1].filename

    @property
    def function(self) -> str:
        return self.lines[-1].function

    @property
    def culprit(self) -> str:
        return f"{self.lines[-1].module} in {self.function}"


_PYTHON = CrashSite(
    "sentry.python.fastapi",
    (
        Line("fastapi/routing.py", "fastapi.routing", "run_endpoint_function", 214,
             ("    if is_coroutine:",), "        return await dependant.call(**values)", (),
             is_ours=False),
        Line("checkout/routes.py", "checkout.routes", "create_order", 88,
             ("    cart = load_cart(request)",), "    total = apply_discount(cart)", ("    return total",)),
        Line("checkout/pricing.py", "checkout.pricing", "apply_discount", 42,
             ("def apply_discount(cart):", "    rates = load_rates()"), "    rate = rates[cart['currency']]",
             ("    return cart.total * rate",)),
    ),
)  # fmt: skip

_WORKER = CrashSite(
    "sentry.python.celery",
    (
        Line("celery/app/trace.py", "celery.app.trace", "trace_task", 453,
             ("        try:",), "            R = retval = fun(*args, **kwargs)", (), is_ours=False),
        Line("payments/tasks.py", "payments.tasks", "settle_batch", 61,
             ("    for charge in batch:",), "        capture(charge, timeout=settings.GATEWAY_TIMEOUT)", ()),
        Line("payments/gateway.py", "payments.gateway", "capture", 117,
             ("def capture(charge, timeout):",), "    answer = session.post(url, json=body, timeout=timeout)",
             ("    answer.raise_for_status()",)),
    ),
)  # fmt: skip

_BROWSER = CrashSite(
    "sentry.javascript.react",
    (
        Line("node_modules/react-dom/cjs/react-dom.production.js", "react-dom", "callCallback", 3942,
             ("      evt.initEvent(evtType, false, false);",), "      func.apply(context, funcArgs);", (),
             is_ours=False),
        Line("src/cart/CartPage.tsx", "cart/CartPage", "onCheckout", 57,
             ("  const onCheckout = async () => {",), "    const total = formatPrice(cart.total);", ()),
        Line("src/lib/money.ts", "lib/money", "formatPrice", 19,
             ("export function formatPrice(price: Price) {",), "  return price.amount.toFixed(2);", ("}",)),
    ),
)  # fmt: skip


def crash_site(issue: Issue) -> CrashSite:
    if issue.project.platform.startswith("javascript"):
        return _BROWSER
    return _WORKER if "worker" in issue.project.slug else _PYTHON

"""What each web process counts for itself about the webhooks that it answers."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "blametrail_hook_requests",
    "Webhook requests by answer; the reason is empty for an accepted one.",
    ["source", "status", "reason"],
)
ACCEPTED_IN = Histogram(
    "blametrail_hook_accepted_seconds",
    "From an accepted request's first byte to the answer; Sentry waits one second.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 10.0),
)
SPOOLED = Counter("blametrail_hook_spooled", "Deliveries kept in the spool, since the database did not take them.")

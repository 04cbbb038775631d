"""How fast is the webhook door? ``python -m bench.intake [POSTGRESQL_ADDRESS ...]``

Three applications on the same server, in turns: ours, with everything; a bare one that only computes the HMAC, which
is the limit; and a plain Django view that inserts one row for each request. Then every acknowledged id is looked for.
"""

import argparse
import os
import statistics
from collections import defaultdict
from typing import Any

from bench.stage import Stage, stages

APPLICATIONS = {
    "limit": "bench.bare:application",
    "door": "blametrail.asgi:application",
    "plain": "bench.plain:application",
}
ROUNDS = 3
WARM_UP = "1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("postgresql", nargs="*", help="address of a server on which a database may be made")
    parser.add_argument("--seconds", default="4", help="for each application in each round")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {ROUNDS} rounds of {options.seconds} s")
    with stages(options.postgresql) as made:
        for stage in made:
            report(stage, seconds=options.seconds)


def report(stage: Stage, *, seconds: str) -> None:
    acknowledged: list[str] = []
    measured: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, application in APPLICATIONS.items():
            with stage.serving(application) as url:
                _warm, ids = stage.load(url, "--seconds", WARM_UP)
                found, more = stage.load(url, "--seconds", seconds)
            measured[name].append(found)
            acknowledged += [] if name == "limit" else ids + more
    with stage.serving(APPLICATIONS["door"]) as url:
        _warm, ids = stage.load(url, "--seconds", WARM_UP, "--rate", "300")
        steady, more = stage.load(url, "--seconds", seconds, "--rate", "300")
        acknowledged += ids + more
    _print(stage.name, measured, steady)
    _verify(stage, acknowledged)


def _print(name: str, measured: dict[str, list[dict[str, Any]]], steady: dict[str, Any]) -> None:
    middle = {each: statistics.median(one["posts_per_second"] for one in found) for each, found in measured.items()}
    print(f"\n{name}")
    for each, found in measured.items():
        p50, p99 = (1000 * statistics.median(one[key] for one in found) for key in ("p50", "p99"))
        busy, others = max(one["busy"] for one in found), [one["others"] for one in found if one["others"]]
        print(
            f"  {each:<6} {middle[each]:8.0f} posts/s   ack p50 {p50:6.1f} ms  p99 {p99:6.1f} ms"
            f"   generator busy {busy:.2f}   not 202: {others or 'none'}"
        )
    print(
        f"  door / limit {middle['door'] / middle['limit']:.2f}   door / plain {middle['door'] / middle['plain']:.1f}"
    )
    print(f"  at 300/s: ack p50 {1000 * steady['p50']:.1f} ms  p99 {1000 * steady['p99']:.1f} ms")


def _verify(stage: Stage, acknowledged: list[str]) -> None:
    path = stage.folder / "all-acknowledged"
    path.write_text("\n".join(acknowledged))
    found = stage.ask("bench.stored", str(path))
    print(f"  acknowledged {len(acknowledged)}, stored exactly once {found.get('1', 0)}, lost {found.get('0', 0)}")
    assert found == {"1": len(acknowledged)}


if __name__ == "__main__":
    main()

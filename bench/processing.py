"""How fast do webhooks become incidents? ``python -m bench.processing [POSTGRESQL_ADDRESS ...]``

The door and one worker beside each other, on each database: a burst, then a steady stream. A delivery counts when all
that it causes is committed: incident, timeline, occurrence, outcome.
"""

import argparse
import os

from bench.stage import Stage, stages

STEADY_RATE = 100
BURST_SECONDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("postgresql", nargs="*", help="address of a server on which a database may be made")
    parser.add_argument("--burst", type=int, default=10_000, help=f"deliveries, within {BURST_SECONDS} seconds")
    parser.add_argument("--steady", type=int, default=10, help=f"seconds at {STEADY_RATE}/s")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with stages(options.postgresql) as made:
        for stage in made:
            report(stage, burst=options.burst, steady=options.steady)


def report(stage: Stage, *, burst: int, steady: int) -> None:
    stage.run("bench.seed")
    print(f"\n{stage.name}")
    with stage.serving("blametrail.asgi:application") as url, stage.running("blametrail.cli", "worker"):
        measure(stage, "burst", url, rate=burst / BURST_SECONDS, seconds=BURST_SECONDS)
        measure(stage, "steady", url, rate=STEADY_RATE, seconds=steady, first=burst)


def measure(stage: Stage, name: str, url: str, *, rate: float, seconds: int, first: int = 0) -> None:
    distinct = str(int(rate * seconds))
    options = ("--rate", str(rate), "--seconds", str(seconds), "--distinct", distinct, "--first", str(first))
    sent, ids = stage.load(url, *options)
    found = stage.ask("bench.processed", str(stage.folder / "acknowledged"))
    print(
        f"  {name:<7} {len(ids)} acknowledged at {rate:.0f}/s, ack p99 {1000 * sent['p99']:.0f} ms,"
        f" not 202: {sent['others'] or 'none'}"
    )
    print(
        f"          processed {found['stored'] / found['seconds']:.0f}/s, the last after {found['seconds']:.1f} s;"
        f" POST to incident p50 {found['p50']:.2f} s  p95 {found['p95']:.2f} s"
    )
    print(f"          {found['incidents']} incidents, {found['entries']} timeline entries; {found['ended']}")
    assert found["stored"] == found["distinct"] == len(ids)


if __name__ == "__main__":
    main()

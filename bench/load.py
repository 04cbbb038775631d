"""The load generator, in a process of its own: ``python -m bench.load URL OPTIONS``; prints one line of JSON.

Raw sockets that stay open, requests made beforehand but for their id, so that it costs a fraction of any server.
"""

import argparse
import asyncio
import json
import secrets
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.bodies import COUNT, Hook, hooks

PLACEHOLDER = "0" * 24


class Templates:
    """Requests in which only the id is still to be filled in."""

    def __init__(self, path: str, made: list[Hook]) -> None:
        self._parts = [hook.request(path, PLACEHOLDER).split(PLACEHOLDER.encode(), 1) for hook in made]
        self._run = secrets.token_hex(6)
        self._number = 0

    def next(self) -> tuple[str, bytes]:
        self._number += 1
        id_ = f"{self._run}{self._number:012d}"
        before, after = self._parts[self._number % len(self._parts)]
        return id_, before + id_.encode() + after


class Results:
    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.others: Counter[int] = Counter()
        self.took: list[float] = []

    def note(self, id_: str, status: int, took: float) -> None:
        self.took.append(took)
        if status == 202:
            self.acknowledged.append(id_)
        else:
            self.others[status] += 1


class Sender:
    """One connection, with one request on its way at a time."""

    async def open(self, host: str, port: int) -> "Sender":
        self._reader, self._writer = await asyncio.open_connection(host, port)
        return self

    async def post(self, request: bytes) -> int:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


async def at_saturation(sender: Sender, templates: Templates, results: Results, ends_at: float) -> None:
    while (began_at := time.perf_counter()) < ends_at:
        id_, request = templates.next()
        status = await sender.post(request)
        results.note(id_, status, time.perf_counter() - began_at)


async def at_rate(senders: list[Sender], templates: Templates, results: Results, rate: float, count: int) -> None:
    """Send at fixed moments, whatever the answers do. To wait for a free connection counts as well."""
    free: asyncio.Queue[Sender] = asyncio.Queue()
    for sender in senders:
        free.put_nowait(sender)
    began_at = time.perf_counter()

    async def one(due_at: float) -> None:
        sender = await free.get()
        id_, request = templates.next()
        status = await sender.post(request)
        results.note(id_, status, time.perf_counter() - due_at)
        free.put_nowait(sender)

    async with asyncio.TaskGroup() as sending:
        for number in range(count):
            due_at = began_at + number / rate
            await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
            sending.create_task(one(due_at))


async def run(options: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    url = urlsplit(options.url)
    templates, results = Templates(url.path, hooks(options.distinct, first=options.first)), Results()
    senders = [await Sender().open(url.hostname or "", url.port or 80) for _ in range(options.connections)]
    began_at, cpu_began_at = time.perf_counter(), time.process_time()
    if options.rate:
        await at_rate(senders, templates, results, options.rate, int(options.rate * options.seconds))
    else:
        ends_at = began_at + options.seconds
        await asyncio.gather(*(at_saturation(sender, templates, results, ends_at) for sender in senders))
    took = time.perf_counter() - began_at
    cpu = time.process_time() - cpu_began_at
    for sender in senders:
        sender.close()
    ordered = sorted(results.took)
    measured = {
        "posts_per_second": len(results.acknowledged) / took,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[int(len(ordered) * 0.99)],
        "others": results.others,
        "busy": cpu / took,
    }
    return measured, results.acknowledged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--distinct", type=int, default=COUNT, help="requests made beforehand")
    parser.add_argument("--first", type=int, default=0, help="so that two runs are about different issues")
    parser.add_argument("--acknowledged", required=True)
    options = parser.parse_args()
    measured, acknowledged = uvloop.run(run(options))
    Path(options.acknowledged).write_text("\n".join(acknowledged))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()

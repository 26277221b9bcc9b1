"""How long the judge takes with a host that is far away: the mock, with every request held up on its way.

`python -m benchmarks.judge_speed` prints a Markdown table, `--latency 0` shows what is the judge's own time,
`--quick` takes seconds and shows only that everything still runs.

Law: each run has a mock of its own, since the one before has used accounts up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from benchmarks.processes import ROOT, server

LATENCY = 150
"""Milliseconds between a request and its arrival."""
GOALS = {"none": "300 requests", "sample": "", "exhaust": "60 s"}
_READ = 1024 * 1024


async def _delayed(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    """Hand on what comes, in order, each piece so many seconds after it came."""
    loop = asyncio.get_running_loop()
    pieces = asyncio.Queue[tuple[float, bytes]]()

    async def take() -> None:
        while data := await source.read(_READ):
            pieces.put_nowait((loop.time() + seconds, data))
        pieces.put_nowait((loop.time() + seconds, b""))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(take())
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            sink.write(data)
            await sink.drain()
    sink.close()


@contextmanager
def far_away(port: int, seconds: float) -> Iterator[int]:
    """A port that leads to another one of this machine, and takes its time for what is sent to it."""
    listening: Future[tuple[int, Callable[[], object]]] = Future()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Either side may hang up, in the middle of anything.
        with suppress(OSError, ExceptionGroup):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_delayed(reader, up_writer, seconds))
                tasks.create_task(_delayed(up_reader, writer, 0.0))

    async def listen() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        listener = await asyncio.start_server(passed_on, "127.0.0.1", 0)
        taken = listener.sockets[0].getsockname()[1]
        listening.set_result((taken, partial(loop.call_soon_threadsafe, ended.set)))
        await ended.wait()
        listener.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    taken, end = listening.result()
    try:
        yield taken
    finally:
        end()
        thread.join()


def judged(spend: str, latency: int, more: Sequence[str] = ()) -> str:
    """A row: the requests and the seconds of one run, and what it came to."""
    with tempfile.TemporaryDirectory() as folder:
        credentials = str(Path(folder) / "credentials.json")
        started = ("lightning_mock", "--port", "0", "--credentials", credentials)
        with server(started, "/status") as mock, far_away(mock.port, latency / 1000) as port:
            command = (
                *(sys.executable, "-m", "lightning_verify", f"--base-url=http://127.0.0.1:{port}"),
                *(f"--spend={spend}", f"--credentials={credentials}", f"--report-dir={folder}", *more),
            )
            subprocess.run(command, check=False, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
        run = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))["run"]
    sent, seconds, verdict = run["requests"]["sent"], run["seconds"], run["verdict"]
    return f"| {spend} | {sent:,} | {seconds:.1f} | {GOALS[spend]} | {verdict} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_speed", description=__doc__)
    parser.add_argument("--latency", type=int, default=LATENCY, metavar="MS", help="%(default)s by default")
    parser.add_argument("--quick", action="store_true", help="one requirement, without latency")
    options = parser.parse_args(arguments)
    latency, more = (0, ["--only=STAT-3"]) if options.quick else (options.latency, [])
    print(f"| `--spend` | requests | seconds at {latency} ms | goal | verdict |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for spend in ("none",) if options.quick else GOALS:
        print(judged(spend, latency, more), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

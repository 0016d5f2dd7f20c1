"""procrastinate, for the bench: prepares, says so, waits for the word, works, says what it found.

It has no batches for its workers, so its best is the same as one by one with more of them.
"""

import asyncio
import json
import logging
import os
import sys
import time

import procrastinate

# It warns of programs that define their tasks in the main module, as this one does.
logging.disable(logging.WARNING)

CALLERS = 16
WORKERS = 30

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=os.environ["DATABASE_URL"], min_size=4, max_size=WORKERS + 4
    )
)
done = 0
reached = asyncio.Event()
wanted = 0


@app.task(name="nothing", queue="nothing")
async def nothing(n):
    global done
    done += 1
    if done >= wanted:
        reached.set()


def say(message):
    print(json.dumps(message), flush=True)


async def hear():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def enqueue_single(jobs):
    numbers = iter(range(jobs))

    async def call():
        for n in numbers:
            await nothing.defer_async(n=n)

    await asyncio.gather(*(call() for _ in range(CALLERS)))


async def enqueue_bulk(jobs):
    for first in range(0, jobs, 1000):
        last = min(first + 1000, jobs)
        await nothing.batch_defer_async(*({"n": n} for n in range(first, last)))


async def work_off(concurrency):
    worker = asyncio.create_task(
        app.run_worker_async(
            queues=["nothing"],
            concurrency=concurrency,
            install_signal_handlers=False,
            update_heartbeat_interval=10,
        )
    )
    await reached.wait()
    # Jobs count when they have run; the reports of the last ones are part of the work.
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def both(jobs):
    await asyncio.gather(work_off(WORKERS), enqueue_single(jobs))


async def main():
    global wanted
    mode, jobs = sys.argv[1], int(sys.argv[2])
    wanted = jobs
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        if mode.startswith("drain"):
            await enqueue_bulk(jobs)
        work = {
            "enqueue-single": lambda: enqueue_single(jobs),
            "enqueue-bulk": lambda: enqueue_bulk(jobs),
            "drain-single": lambda: work_off(CALLERS),
            "drain-best": lambda: work_off(WORKERS),
            "cycle": lambda: both(jobs),
        }[mode]
        say({"ready": True})
        await hear()
        begun = time.monotonic()
        await work()
        say({"done": jobs, "seconds": time.monotonic() - begun})
        await hear()


asyncio.run(main())

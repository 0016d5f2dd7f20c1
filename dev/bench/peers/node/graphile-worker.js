// graphile-worker: one commit a job, and its own recommendation for throughput, a local queue and
// reports in batches.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { countdown, measure, repeat } from "./measure.js";

const CONCURRENCY = 24;
const connectionString = process.env.DATABASE_URL;
const logger = new Logger(() => () => {});
const singly = { connectionString, concurrentJobs: CONCURRENCY, maxPoolSize: CONCURRENCY + 2 };
const best = {
  ...singly,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

async function utils() {
  const preset = { worker: { connectionString, maxPoolSize: 16 } };
  const utils = await makeWorkerUtils({ preset, logger });
  await utils.migrate();
  return utils;
}

const enqueue = (utils) => (n) => utils.addJob("nothing", { n });

function enqueueAll(utils, jobs) {
  const specs = Array.from({ length: jobs }, (_, n) => ({ identifier: "nothing", payload: { n } }));
  const chunks = Array.from({ length: Math.ceil(jobs / 1000) }, (_, n) =>
    specs.slice(n * 1000, (n + 1) * 1000),
  );
  return repeat(chunks.length, (n) => utils.addJobs(chunks[n]), 4);
}

// Counts at the start of a job's end, so the stop, which waits for reports, is part of it.
async function workOff(jobs, worker) {
  const count = countdown(jobs);
  const taskList = { nothing: async () => count.add() };
  const runner = await run({ preset: { worker }, taskList, logger, noHandleSignals: true, parsedCronItems: [] });
  await count.reached;
  await runner.stop();
}

async function filled(jobs, worker) {
  await enqueueAll(await utils(), jobs);
  return () => workOff(jobs, worker);
}

await measure({
  "enqueue-single": async (jobs) => {
    const to = await utils();
    return () => repeat(jobs, enqueue(to));
  },
  "enqueue-bulk": async (jobs) => {
    const to = await utils();
    return () => enqueueAll(to, jobs);
  },
  "drain-single": (jobs) => filled(jobs, singly),
  "drain-best": (jobs) => filled(jobs, best),
  cycle: async (jobs) => {
    const to = await utils();
    return () => Promise.all([workOff(jobs, singly), repeat(jobs, enqueue(to))]);
  },
});

// pg-boss: its workers look twice a second at most, so jobs are fetched and completed in a loop,
// which its authors offer for that; one by one, and a hundred at a time.
import PgBoss from "pg-boss";
import { countdown, measure, repeat } from "./measure.js";

const QUEUE = "nothing";

async function boss() {
  const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 24, supervise: false, schedule: false });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE);
  return boss;
}

const enqueue = (to) => (n) => to.send(QUEUE, { n });

function enqueueAll(to, jobs) {
  const specs = Array.from({ length: jobs }, (_, n) => ({ name: QUEUE, data: { n } }));
  const chunks = Array.from({ length: Math.ceil(jobs / 1000) }, (_, n) =>
    specs.slice(n * 1000, (n + 1) * 1000),
  );
  return repeat(chunks.length, (n) => to.insert(chunks[n]), 4);
}

async function workOff(from, jobs, loops, batchSize) {
  const count = countdown(jobs);
  const loop = async () => {
    while (!count.isReached()) {
      const fetched = (await from.fetch(QUEUE, { batchSize })) ?? [];
      if (fetched.length === 0) continue;
      await from.complete(QUEUE, fetched.map((job) => job.id));
      count.add(fetched.length);
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
}

async function filled(jobs, loops, batchSize) {
  const from = await boss();
  await enqueueAll(from, jobs);
  return () => workOff(from, jobs, loops, batchSize);
}

await measure({
  "enqueue-single": async (jobs) => {
    const to = await boss();
    return () => repeat(jobs, enqueue(to));
  },
  "enqueue-bulk": async (jobs) => {
    const to = await boss();
    return () => enqueueAll(to, jobs);
  },
  "drain-single": (jobs) => filled(jobs, 8, 1),
  "drain-best": (jobs) => filled(jobs, 4, 100),
  cycle: async (jobs) => {
    const both = await boss();
    return () => Promise.all([workOff(both, jobs, 8, 1), repeat(jobs, enqueue(both))]);
  },
});

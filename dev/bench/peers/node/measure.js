// The bench's side of a peer: prepares, says so, waits for the word, works, says what it found.
// `modes` has a function for each word: it prepares, and returns what is measured.
import readline from "node:readline";

// How many calls of a peer are under way at a time where each enqueues one job.
const CALLERS = 16;

export async function measure(modes) {
  const [word, count] = process.argv.slice(2);
  const jobs = Number(count);
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const work = await modes[word](jobs);
  say({ ready: true });
  await lines.next();
  const begun = performance.now();
  await work();
  say({ done: jobs, seconds: (performance.now() - begun) / 1000 });
  await lines.next();
  process.exit(0);
}

// Calls `each` so many times, from several callers.
export async function repeat(times, each, callers = CALLERS) {
  let next = 0;
  const call = async () => {
    while (next < times) await each(next++);
  };
  await Promise.all(Array.from({ length: callers }, call));
}

// A count that others can wait for.
export function countdown(jobs) {
  let reach;
  const reached = new Promise((resolve) => (reach = resolve));
  let done = 0;
  const add = (count = 1) => {
    done += count;
    if (done >= jobs) reach();
  };
  return { add, reached, isReached: () => done >= jobs };
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

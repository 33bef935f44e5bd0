/** Waiting for something that another process does: asks again until it is so, and says what was last seen when time is up. */
const POLL_MS = 50;

/** For one process to be ready, as in the lab: it is for what hangs. */
export const START_TIMEOUT_MS = 60_000;

export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      last = 'not yet so';
    } catch (error) {
      last = (error as Error).message;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms; last: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

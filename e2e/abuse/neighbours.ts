/** Neighbours of an attack: calls across the mesh, one after the other, with what each one waited. */
import { linesBySocks5, serviceAddress, socks5Entry, type World } from '@isthmus/tools/lab';

export interface Experience {
  readonly calls: number;
  readonly failures: readonly string[];
  readonly medianMs: number;
}

/** Calls the ledger of west from east, through ztunnel, gateway and ztunnel, until the work is done. */
export async function during(world: World, work: Promise<unknown>): Promise<Experience> {
  let isDone = false;
  void work.finally(() => {
    isDone = true;
  });
  const waited: number[] = [];
  const failures: string[] = [];
  const caller = async () => {
    do {
      const began = performance.now();
      const answer = await linesBySocks5(socks5Entry(world, 'east'), serviceAddress('ledger'), 'COUNT').catch(
        (error: Error) => error.message,
      );
      waited.push(performance.now() - began);
      if (!answer.startsWith('OK ')) failures.push(answer);
    } while (!isDone);
  };
  await Promise.all([caller(), caller(), work]);
  waited.sort((a, b) => a - b);
  return { calls: waited.length, failures, medianMs: waited[Math.floor(waited.length / 2)] ?? 0 };
}

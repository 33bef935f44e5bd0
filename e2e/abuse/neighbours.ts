/**
 * Neighbours of an attack: calls across the mesh, one after the other, with what each one waited. What they wait beside it
 * is compared with what the same calls waited right before and right after, whichever was longer: what else the machine
 * does is then on both sides, also when it begins in between.
 */
import { linesBySocks5, serviceAddress, socks5Entry, type World } from '@isthmus/tools/lab';

export interface Experience {
  readonly calls: number;
  readonly failures: readonly string[];
  readonly medianMs: number;
}

/** How long they are listened to while nothing happens. */
const CALM_MS = 500;
/** Undisturbed calls are so fast that a ratio alone would measure the machine. */
const LEAST_CALM_MS = 20;

export function calm(world: World): Promise<Experience> {
  return during(world, pause(CALM_MS));
}

/** How many times as long they waited as in the longest of the calms around it. */
export function waitRatio(beside: Experience, ...calms: readonly Experience[]): number {
  return beside.medianMs / Math.max(LEAST_CALM_MS, ...calms.map(({ medianMs }) => medianMs));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
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

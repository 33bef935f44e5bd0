/**
 * The traffic of a lab: pages of both storefronts, which call everything else, and each protocol once more through the
 * SOCKS5 entry of east's storefront. Bounded: a handful of calls at a time. Every failure is a sentence.
 */
import { getBySocks5, grpcBySocks5, linesBySocks5, listRequest } from './calls.js';
import type { HostPort } from './socks5.js';
import { type AppPod, CLUSTER_IDS, type ClusterId, podOf, SERVICES, SHOP_NAMESPACE, type World } from './topology.js';

/** Pages asked for at the same time, per storefront. */
const CONCURRENCY = 4;
const PAGE_TIMEOUT_MS = 15_000;

export interface TrafficReport {
  readonly sent: number;
  readonly failures: readonly string[];
}

export interface Call {
  readonly what: string;
  run(): Promise<void>;
}

/** Who makes the calls of a lab: how a user sees a page, and calls of every kind from east's storefront. */
export interface Callers {
  /** Rejects unless the page is answered well. */
  page(cluster: ClusterId, storefront: AppPod, path: string): Promise<void>;
  readonly direct: readonly Call[];
}

export function loopbackCallers(world: World): Callers {
  return { page: fetchPage, direct: socks5Calls(world) };
}

export async function sendTraffic(
  world: World,
  pages: number,
  callers: Callers = loopbackCallers(world),
): Promise<TrafficReport> {
  const perStorefront = CLUSTER_IDS.map((id) => range(pages).map((number) => pageCall(world, id, number, callers)));
  const lists = [...perStorefront, callers.direct];
  const failures = (await Promise.all(lists.map((calls) => runAll(calls, CONCURRENCY)))).flat();
  return { sent: lists.flat().length, failures };
}

async function runAll(calls: readonly Call[], concurrency: number): Promise<readonly string[]> {
  const waiting = [...calls];
  const failures: string[] = [];
  const worker = async () => {
    for (let call = waiting.shift(); call; call = waiting.shift()) {
      try {
        await call.run();
      } catch (error) {
        failures.push(`${call.what}: ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(range(concurrency).map(worker));
  return failures;
}

function pageCall(world: World, cluster: ClusterId, number: number, { page }: Callers): Call {
  const path = `/product/${number}`;
  return {
    what: `${cluster}'s storefront, GET ${path}`,
    run: () => page(cluster, podOf(world, cluster, 'storefront'), path),
  };
}

async function fetchPage(_: ClusterId, { ip, listenPort }: AppPod, path: string): Promise<void> {
  const url = `http://${ip}:${listenPort}${path}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}: status ${response.status}: ${body.trim()}`);
}

/** Where the storefront of that cluster speaks SOCKS5. */
export function socks5Entry(world: World, cluster: ClusterId): HostPort {
  return { host: podOf(world, cluster, 'storefront').ip, port: 15080 };
}

/** A service as a user of the mesh names it. */
export function serviceAddress(name: string): HostPort {
  const service = SERVICES.find((candidate) => candidate.name === name);
  if (!service) throw new Error(`the lab has no service ${name}`);
  return { host: `${name}.${SHOP_NAMESPACE}`, port: service.port };
}

function socks5Calls(world: World): readonly Call[] {
  const entry = socks5Entry(world, 'east');
  const call = (what: string, run: () => Promise<boolean>): Call => ({
    what: `${what} by SOCKS5 from east`,
    async run() {
      if (!(await run())) throw new Error('another answer than expected');
    },
  });
  const get = async (service: string, path: string) =>
    (await getBySocks5(entry, serviceAddress(service), path)).status === 200;
  return [
    call('reviews (HTTP)', () => get('reviews', '/reviews/42')),
    call('ratings (HTTP)', () => get('ratings', '/ratings/42')),
    call('recommendations (gRPC)', async () => {
      const method = '/shop.v1.Recommendations/Watch';
      const answer = await grpcBySocks5(entry, serviceAddress('recommendations'), method, listRequest('42'));
      return answer.status === 0 && answer.messages.length === 3;
    }),
    call('ledger (TCP)', async () =>
      (await linesBySocks5(entry, serviceAddress('ledger'), 'ADD lab')).startsWith('OK '),
    ),
    call('audit (TCP, not exported), which must be refused', async () => !(await answers(entry, 'audit'))),
  ];
}

async function answers(entry: HostPort, service: string): Promise<boolean> {
  try {
    return (await linesBySocks5(entry, serviceAddress(service), 'COUNT')) !== '';
  } catch {
    return false;
  }
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index);
}

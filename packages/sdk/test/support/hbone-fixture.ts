/** Real HBONE ends on loopback: one authority, certificates, servers, a pool, all closed with the fixture's scope. */
import { expect } from 'vitest';
import {
  createHbonePool,
  createHboneServer,
  dialHbone,
  type EarlyError,
  type HboneClientConnection,
  type HbonePool,
  type HbonePoolInit,
  type HboneServer,
  type HboneServerInit,
  type HboneSettings,
  type HeaderField,
  type HopAddress,
  type IncomingConnect,
  type PoolHop,
} from '../../src/hbone/index.js';
import type { WorkloadCertificate } from '../../src/identity/types.js';
import { realClock } from '../../src/runtime/clock.js';
import { silentLogger } from '../../src/runtime/log.js';
import { createScope, type Scope } from '../../src/runtime/scope.js';
import { createTestAuthority, type TestAuthority } from '../../src/testing.js';

export const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
export const REVIEWS = 'spiffe://cluster.local/ns/shop/sa/reviews';
export const GATEWAY = 'spiffe://cluster.local/ns/istio-system/sa/gateway';

export interface RunningServer {
  readonly server: HboneServer;
  readonly address: HopAddress;
  readonly earlyErrors: EarlyError[];
  /** Resolves with the next early error. */
  nextEarlyError(): Promise<EarlyError>;
}

export interface HboneFixture {
  readonly scope: Scope;
  readonly authority: TestAuthority;
  readonly web: WorkloadCertificate;
  readonly reviews: WorkloadCertificate;
  readonly gateway: WorkloadCertificate;
  serve(onConnect: HboneServerInit['onConnect'], init?: Partial<HboneServerInit>): Promise<RunningServer>;
  pool(settings?: Partial<HboneSettings>, init?: Partial<HbonePoolInit>): HbonePool;
  dial(address: HopAddress, init?: Partial<Parameters<typeof dialHbone>[0]>): Promise<HboneClientConnection>;
  hop(address: HopAddress, init?: Partial<PoolHop>): PoolHop;
  /** Closes everything and expects no socket to be left. */
  close(): Promise<void>;
}

export async function createHboneFixture(): Promise<HboneFixture> {
  const scope = createScope();
  const authority = await createTestAuthority();
  const [web, reviews, gateway] = await Promise.all([WEB, REVIEWS, GATEWAY].map((id) => authority.issue(id)));
  if (!web || !reviews || !gateway) throw new Error('unreachable');

  return {
    scope,
    authority,
    web,
    reviews,
    gateway,
    async serve(onConnect, init = {}) {
      const earlyErrors: EarlyError[] = [];
      const waiting: ((error: EarlyError) => void)[] = [];
      const server = createHboneServer(scope, {
        certificate: () => reviews,
        clock: realClock,
        log: silentLogger,
        onConnect,
        onEarlyError(error) {
          earlyErrors.push(error);
          waiting.shift()?.(error);
        },
        ...init,
      });
      const address = await server.listen({ host: '127.0.0.1', port: 0 });
      return {
        server,
        address,
        earlyErrors,
        nextEarlyError: () => new Promise((resolve) => waiting.push(resolve)),
      };
    },
    pool: (settings, init = {}) =>
      createHbonePool(scope, { clock: realClock, ...(settings ? { settings } : {}), ...init }),
    async dial(address, init = {}) {
      const connection = await dialHbone({
        target: address,
        certificate: web,
        expected: [REVIEWS],
        clock: realClock,
        ...init,
      });
      scope.own(() => connection.close());
      return connection;
    },
    hop: (address, init = {}) => ({ source: web, expected: [REVIEWS], address, clientIp: '10.9.9.9', ...init }),
    async close() {
      await scope.close();
      // What was destroyed is gone within a few turns: TLS closes before TCP, and libuv at the end of a turn.
      for (let turn = 0; turn < 50 && openSockets().length > 0; turn++) await new Promise((r) => setImmediate(r));
      expect(openSockets()).toEqual([]);
    },
  };
}

/** Sockets and listeners this process holds. */
export function openSockets(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /^(TCP|TLS)/.test(kind));
}

/** Accepts and sends everything back. */
export function echo(incoming: IncomingConnect, headers: readonly HeaderField[] = []): void {
  const stream = incoming.accept(headers);
  stream.handlers = {
    onData(chunk) {
      if (!stream.write(chunk)) stream.pause();
    },
    onEnd: () => stream.end(),
    onDrain: () => stream.resume(),
    onClose() {},
  };
}

/** The L7 data path with plain TCP on both sides instead of tunnels: what `forward.ts` does, seen from both ends. */
import { connect } from 'node:net';
import type { Originated } from '@isthmus/sdk/originate';
import type { Plan } from '@isthmus/sdk/routing';
import { type Clock, realClock, type Scope } from '@isthmus/sdk/runtime';
import { Fault } from '@isthmus/sdk/wire';
import { type ForwardInit, forward } from '../../src/http/forward.js';
import { createHttp1Server } from '../../src/http/http1-server.js';
import { createHttp2Server } from '../../src/http/http2-server.js';
import { type HttpLimits, httpLimits } from '../../src/http/limits.js';
import { createUpstreamPool, type OpenPlan, type UpstreamPool } from '../../src/http/upstream-pool.js';
import type { RequestFacts } from '../../src/telemetry/types.js';
import { asDuplex, listenForDuplexes } from './http-streams.js';
import { workload } from './model.js';

export interface ProxyInit {
  readonly version: 'http1' | 'http2';
  /** Ports of the applications; requests go to each in turn. */
  readonly ports: readonly number[];
  readonly limits?: Partial<HttpLimits>;
  readonly clock?: Clock;
  readonly route?: ForwardInit['route'];
}

export interface L7Proxy {
  readonly port: number;
  readonly pool: UpstreamPool;
  /** Connections opened to applications. */
  readonly opened: readonly OpenPlan[];
  readonly malformed: readonly string[];
  /** Resolves with the report of the nth request, in order of their ends. */
  report(index: number): Promise<RequestFacts>;
  readonly reports: readonly RequestFacts[];
  drain(): void;
}

export async function startProxy(scope: Scope, init: ProxyInit): Promise<L7Proxy> {
  const limits = httpLimits(init.limits);
  const clock = init.clock ?? realClock;
  const opened: OpenPlan[] = [];
  const malformed: string[] = [];
  const reports: RequestFacts[] = [];
  const waiting: (() => void)[] = [];
  const pool = createUpstreamPool({
    limits,
    clock,
    random: () => 0.5,
    open: (plan) => {
      opened.push(plan);
      return dial(plan);
    },
  });
  scope.own(() => pool.close());
  const server = { http1: createHttp1Server, http2: createHttp2Server }[init.version]({ limits, clock });
  const forwardInit: ForwardInit = {
    origin: { source: { workload: 'client' }, sourceAddress: '127.0.0.1:1', mutualTls: true },
    route: init.route ?? roundRobin(init.ports),
    pool,
    clock,
    limits,
    newRequestId: () => 'fresh-id',
    telemetry: {
      request(facts) {
        reports.push(facts);
        for (const wake of waiting.splice(0)) wake();
      },
    },
  };
  const port = await listenForDuplexes(scope, (stream) => {
    server.accept(stream, {
      request: (downstream) => forward(downstream, forwardInit),
      malformed: (reason) => malformed.push(reason),
    });
  });
  return {
    port,
    pool,
    opened,
    malformed,
    reports,
    drain: () => server.drain(),
    async report(index) {
      for (;;) {
        const found = reports[index];
        if (found) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** A plan that leads straight to a port, named as an endpoint so that retries can leave it out. */
export function planTo(port: number): Plan {
  const destination = workload({ name: `app-${port}`, uid: `endpoint-${port}` });
  return { kind: 'direct', address: { host: '127.0.0.1', port }, destination, candidates: [] };
}

export const REFUSED: Plan = {
  kind: 'refuse',
  fault: 'NO_HEALTHY_UPSTREAM',
  reason: 'no endpoint of default/reviews can serve port 80',
  candidates: [],
};

function roundRobin(ports: readonly number[]): ForwardInit['route'] {
  let turn = 0;
  return (avoid) => {
    const open = ports.filter((port) => !avoid.has(`endpoint-${port}`));
    const port = open[turn++ % Math.max(1, open.length)];
    return port === undefined ? REFUSED : planTo(port);
  };
}

function dial(plan: OpenPlan): Promise<Originated> {
  if (plan.kind !== 'direct') throw new Error('only direct plans lead anywhere here');
  const { host, port } = plan.address;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    socket.once('error', (error) => reject(new Fault('CONNECT_FAILED', error.message)));
    socket.once('connect', () => {
      resolve({
        channel: { kind: 'tcp', socket },
        destination: { workload: `app-${port}`, cluster: 'east' },
        address: `${host}:${port}`,
        mutualTls: false,
        duplex: () => asDuplex(socket),
      });
    });
  });
}

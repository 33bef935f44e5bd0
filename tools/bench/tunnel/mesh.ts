/** One side of a race: its proxies as processes, a chain from the client's end to the applications, and a load on it. */
import { join } from 'node:path';
import { createTestAuthority, type TestAuthority } from '@isthmus/sdk/testing';
import type {
  Applications,
  Count,
  Identity,
  IntegrityInit,
  LoadCalls,
  LoadInit,
  ProxyCalls,
  RelayKind,
  Route,
  Usage,
} from './contract.js';
import { APPLICATION_NAMES } from './contract.js';
import { Child } from './rpc.js';

export interface MeshInit {
  readonly relay: RelayKind;
  /** With a gateway between client and server proxy, as between networks. */
  readonly gateway: boolean;
  /** Applications in a process of their own: one process cannot have both ends of 10,000 connections open. */
  readonly splitLoad: boolean;
  readonly node: string;
}

/** What happened between two moments. */
export interface Window {
  readonly seconds: number;
  readonly bytes: number;
  readonly operations: number;
  /** Of all proxies together. */
  readonly cpuSeconds: number;
  readonly p50?: number;
  readonly p99?: number;
}

/** How often a window is prolonged on a machine that is busy with something else. */
const PATIENCE = 20;

const NAMES = ['client', 'gateway', 'server'] as const;
type Name = (typeof NAMES)[number];

export class Mesh {
  readonly ports: Applications;
  readonly #load: Child<LoadCalls>;
  readonly #proxies: readonly Child<ProxyCalls>[];
  readonly #children: readonly Child<never>[];

  private constructor(
    ports: Applications,
    load: Child<LoadCalls>,
    proxies: readonly Child<ProxyCalls>[],
    all: readonly Child<never>[],
  ) {
    this.ports = ports;
    this.#load = load;
    this.#proxies = proxies;
    this.#children = all;
  }

  static async start(init: MeshInit): Promise<Mesh> {
    const names = NAMES.filter((name) => name !== 'gateway' || init.gateway);
    const load = startLoad(init);
    const applications = init.splitLoad ? startLoad(init) : load;
    const proxies = names.map((name) => startProxy(init, name));
    const children = [...new Set([load, applications, ...proxies])] as unknown as readonly Child<never>[];
    try {
      const ports = await link(names, proxies, await applications.call('applications'));
      return new Mesh(ports, load, proxies, children);
    } catch (error) {
      await Promise.all(children.map((child) => child.stop()));
      throw error;
    }
  }

  /** Rejects when bytes do not arrive as they were sent. */
  verify(init: Omit<IntegrityInit, 'port'>): Promise<void> {
    return this.#load.call('verify', { ...init, port: this.ports.mirror });
  }

  begin(load: LoadInit): Promise<void> {
    return this.#load.call('begin', load);
  }

  end(): Promise<void> {
    return this.#load.call('end');
  }

  /** What a running load comes to in that time; in a multiple of it when in the first nothing was finished. */
  async watch(milliseconds: number): Promise<Window> {
    const before = await this.#read();
    for (let times = 0; times < PATIENCE; times++) {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      const window = windowOf(before, await this.#read());
      if (window.bytes + window.operations > 0) return window;
    }
    throw new Error(`the load came to nothing in ${(PATIENCE * milliseconds) / 1_000} s`);
  }

  /** CPU profiles of all proxies over that time, a file for each in the directory. */
  async profile(milliseconds: number, directory: string): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.call('profile')));
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const files = this.#proxies.map((proxy) => join(directory, `${proxy.name.replace(' ', '.')}.cpuprofile`));
    await Promise.all(this.#proxies.map((proxy, index) => proxy.call('endProfile', files[index])));
  }

  /** Memory of all proxies, their garbage collected. */
  async rssBytes(): Promise<number> {
    const usages = await Promise.all(this.#proxies.map((proxy) => proxy.call('settled')));
    return usages.reduce((sum, { rssBytes }) => sum + rssBytes, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
  }

  async #read(): Promise<Reading> {
    const [count, ...usages] = await Promise.all([
      this.#load.call('count'),
      ...this.#proxies.map((proxy) => proxy.call('usage')),
    ]);
    return { count, usages };
  }
}

interface Reading {
  readonly count: Count;
  readonly usages: readonly Usage[];
}

/** The children answer at slightly different moments, so that each one's figures are divided by its own time. */
function windowOf(before: Reading, after: Reading): Window {
  const seconds = after.count.atSeconds - before.count.atSeconds;
  const cpuPerSecond = after.usages.map((usage, index) => {
    const start = before.usages[index];
    if (!start) throw new Error('a proxy is missing');
    return (usage.cpuSeconds - start.cpuSeconds) / (usage.atSeconds - start.atSeconds);
  });
  const { p50, p99 } = after.count;
  return {
    seconds,
    bytes: after.count.bytes - before.count.bytes,
    operations: after.count.operations - before.count.operations,
    cpuSeconds: cpuPerSecond.reduce((sum, share) => sum + share, 0) * seconds,
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
  };
}

function startLoad({ node }: MeshInit): Child<LoadCalls> {
  return new Child({ module: new URL('load/main.js', import.meta.url), name: 'load', argv: [], node });
}

function startProxy({ relay, node }: MeshInit, name: Name): Child<ProxyCalls> {
  return new Child({ module: new URL('proxy.js', import.meta.url), name: `${relay} ${name}`, argv: [relay], node });
}

/** From the far end: each proxy is told where the next one listens. Answers the ports of the near end. */
async function link(
  names: readonly Name[],
  proxies: readonly Child<ProxyCalls>[],
  applications: Applications,
): Promise<Applications> {
  const identities = await identitiesOf(names);
  const targets = APPLICATION_NAMES.map((name) => applications[name]);
  let hops: readonly number[] = targets;
  for (const [index, name] of [...names.entries()].reverse()) {
    const [proxy, identity] = [proxies[index], identities.get(name)];
    if (!proxy || !identity) throw new Error(`no ${name}`);
    const routes = targets.map((target, at): Route => ({ target, via: hops[at] ?? target }));
    const peers = names.filter((other) => other !== name).map(spiffeIdOf);
    hops = await proxy.call(name === 'client' ? 'client' : 'server', { identity, peers, routes });
  }
  return Object.fromEntries(APPLICATION_NAMES.map((name, at) => [name, hops[at]])) as unknown as Applications;
}

let authority: Promise<TestAuthority> | undefined;

async function identitiesOf(names: readonly Name[]): Promise<ReadonlyMap<Name, Identity>> {
  authority ??= createTestAuthority();
  const issuer = await authority;
  const issued = names.map(async (name): Promise<[Name, Identity]> => {
    const spiffeId = spiffeIdOf(name);
    return [name, { spiffeId, ...(await issuer.issuePem(spiffeId)) }];
  });
  return new Map(await Promise.all(issued));
}

function spiffeIdOf(name: Name): string {
  return `spiffe://cluster.local/ns/bench/sa/${name}`;
}

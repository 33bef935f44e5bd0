/**
 * A role as the program runs it, without its control plane: snapshots come from a store the test feeds, certificates from
 * a test authority. Sockets, TLS and HTTP/2 are real.
 */
import { createStore, type Store } from '@isthmus/sdk/discovery';
import { createHbonePool } from '@isthmus/sdk/hbone';
import { type CertificateSource, type WorkloadCertificate, watchRevocationFile } from '@isthmus/sdk/identity';
import { createGatewayHealth, createOriginate, createSourceAddresses } from '@isthmus/sdk/originate';
import { createDrain, createScope, type Drain, realClock, type Scope, silentLogger } from '@isthmus/sdk/runtime';
import type { TestAuthority } from '@isthmus/sdk/testing';
import { type RoleName, readSettings, type Settings } from '../../src/config.js';
import { hboneSettings } from '../../src/roles/hbone-settings.js';
import type { Role, RunningRole } from '../../src/roles/role.js';
import { createSnapshotFeed } from '../../src/roles/snapshot-feed.js';
import { feed, type MeshRecords } from './model.js';
import { testTelemetry } from './telemetry.js';

export interface ProxyInit {
  readonly role: Role;
  readonly env: Readonly<Record<string, string>>;
  readonly authority: TestAuthority;
  readonly records: MeshRecords;
  readonly certificates?: CertificateSource;
  /** Default always 0.5. */
  readonly random?: () => number;
  /** As the discovery client of a proxy that is told of addresses on demand. */
  readonly demand?: (names: readonly string[]) => Promise<readonly string[]>;
}

export interface TestProxy {
  readonly role: RunningRole;
  readonly telemetry: ReturnType<typeof testTelemetry>;
  readonly store: Store;
  readonly drain: Drain;
  readonly scope: Scope;
  /** Applies changes as the discovery client would. */
  update(records: MeshRecords): void;
  remove(...names: string[]): void;
  /** The first log entry that has these fields, once it is there; a text stands for any value that contains it. */
  logged(fields: Readonly<Record<string, string>>): Promise<Readonly<Record<string, unknown>>>;
}

export function settingsFor(role: RoleName, env: Readonly<Record<string, string>>): Settings {
  const result = readSettings(role, env);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.settings;
}

export function certificatesOf(authority: TestAuthority): CertificateSource {
  const issued = new Map<string, Promise<WorkloadCertificate>>();
  return {
    certificate(identity) {
      const known = issued.get(identity) ?? authority.issue(identity);
      issued.set(identity, known);
      return known;
    },
    held: () => [],
  };
}

export async function startProxy({ role, env, authority, records, ...given }: ProxyInit): Promise<TestProxy> {
  const scope = createScope();
  const settings = settingsFor(role.name, env);
  const store = feed(createStore(), records);
  const snapshots = createSnapshotFeed(store, silentLogger);
  const telemetry = testTelemetry({
    about: {
      component: 'ztunnel',
      tag: '',
      role: role.name,
      cluster: settings.clusterId,
      network: settings.network,
      node: '',
    },
  });
  const certificates = given.certificates ?? certificatesOf(authority);
  let running: RunningRole | undefined;
  const drain = createDrain({
    clock: realClock,
    deadlineMs: settings.terminationDeadlineMs,
    openConnections: () => running?.openConnections() ?? 0,
  });
  const { crlPath: path } = settings;
  const revocations = path ? watchRevocationFile(scope, { path }) : undefined;
  const pool = createHbonePool(scope, { clock: realClock, settings: hboneSettings(settings), revocations });
  const gateways = createGatewayHealth(scope, { clock: realClock });
  running = await role.start(scope, {
    settings,
    clock: realClock,
    random: given.random ?? (() => 0.5),
    log: silentLogger,
    certificates,
    revocations,
    telemetry: telemetry.telemetry,
    originate: createOriginate({
      pool,
      certificates,
      clock: realClock,
      network: settings.network,
      baggage: settings.baggage,
      gateways,
      sourceAddress: createSourceAddresses(realClock),
    }),
    gateways,
    snapshot: snapshots.snapshot,
    onSnapshot: snapshots.onSnapshot,
    drain: drain.signal,
    ...(given.demand && { demand: given.demand }),
  });
  return {
    role: running,
    telemetry,
    store,
    drain,
    scope,
    update(changes) {
      feed(store, changes);
      snapshots.changed(store.snapshot);
    },
    remove(...names) {
      store.apply({ upserts: [], removals: names.map((name) => ({ type: 'address', name })) });
      snapshots.changed(store.snapshot);
    },
    async logged(fields) {
      const wanted = Object.entries(fields);
      for (;;) {
        const found = telemetry
          .log()
          .find((entry) => wanted.every(([name, text]) => String(entry[name]).includes(text)));
        if (found) return found;
        // A line is written when a connection ends, which no event announces to the test; vitest's timeout bounds the wait.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

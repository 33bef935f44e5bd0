/**
 * THE table of the control plane's metrics. Names are istiod's where the thing is the same; values that somebody else
 * keeps are asked for when scraped.
 */

import { RESOURCE_TYPES, resourceTypeByUrl } from '@isthmus/sdk/wire';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { CaEvent, RootStatus } from '../ca/index.js';
import type { FederationEvent, PeerStatus } from '../federation/index.js';
import type { XdsEvent } from '../xds/index.js';
import { createFederationMetrics } from './federation-metrics.js';

/** What is asked for at a scrape. */
export interface MetricsInput {
  readonly connections: () => number;
  readonly sources: () => readonly {
    readonly cluster: string;
    readonly generation: number;
    readonly errors: number;
    readonly warnings: number;
  }[];
  readonly ca: () => CaFacts;
  readonly peers: () => readonly PeerStatus[];
}

export interface CaFacts {
  /** Of the signing certificate. */
  readonly notAfter: Date;
  readonly roots: readonly RootStatus[];
}

export interface Metrics {
  onXds(event: XdsEvent): void;
  onCa(event: CaEvent): void;
  onFederation(event: FederationEvent): void;
  render(): Promise<string>;
}

const CA_COUNTERS: Readonly<Record<CaEvent['kind'], readonly [name: string, help: string]>> = {
  requested: ['citadel_server_csr_count', 'Certificate requests received.'],
  unauthenticated: [
    'citadel_server_authentication_failure_count',
    'Certificate requests whose caller did not prove who it is.',
  ],
  unauthorized: [
    'isthmus_ca_authorization_failures_total',
    'Certificate requests for identities the caller may not have.',
  ],
  invalid: ['citadel_server_csr_sign_err_count', 'Certificate requests that could not be signed as they were.'],
  issued: ['citadel_server_success_cert_issuance_count', 'Certificates issued.'],
};

export function createMetrics(input: MetricsInput): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const pushes = new Counter({
    registers,
    name: 'pilot_xds_pushes',
    help: 'Discovery responses sent.',
    labelNames: ['type'],
  });
  const resources = new Counter({
    registers,
    name: 'isthmus_xds_resources_sent_total',
    help: 'Resources sent, or named as removed.',
    labelNames: ['type', 'change'],
  });
  const rejects = new Counter({
    registers,
    name: 'pilot_total_xds_rejects',
    help: 'Discovery responses that proxies rejected.',
    labelNames: ['type'],
  });
  const refusals = new Counter({
    registers,
    name: 'isthmus_xds_streams_refused_total',
    help: 'Discovery streams refused.',
    labelNames: ['code'],
  });
  const ca = Object.fromEntries(
    Object.entries(CA_COUNTERS).map(([kind, [name, help]]) => [kind, new Counter({ registers, name, help })]),
  );
  registerGauges(registry, input);
  const federation = createFederationMetrics(registry, input.peers);
  return {
    onXds(event) {
      if (event.kind === 'refused') return refusals.inc({ code: event.code });
      const type = typeLabel(event.typeUrl);
      if (event.kind === 'rejected') return rejects.inc({ type });
      pushes.inc({ type });
      resources.inc({ type, change: 'upsert' }, event.resources);
      resources.inc({ type, change: 'removal' }, event.removed);
    },
    onCa: ({ kind }) => ca[kind]?.inc(),
    onFederation: federation.on,
    render: () => registry.metrics(),
  };
}

/** istiod's abbreviations. Clients may ask for any type, but not make a series of each. */
function typeLabel(typeUrl: string): string {
  const type = resourceTypeByUrl(typeUrl);
  return type ? RESOURCE_TYPES[type].shortName.toLowerCase() : 'other';
}

function registerGauges(registry: Registry, input: MetricsInput): void {
  const registers = [registry];
  new Gauge({
    registers,
    name: 'pilot_xds',
    help: 'Proxies connected.',
    collect() {
      this.set(input.connections());
    },
  });
  new Gauge({
    registers,
    name: 'isthmus_source_generation',
    help: 'Good reads of a source that changed something.',
    labelNames: ['cluster'],
    collect() {
      // A remote cluster that was removed is no series any more.
      this.reset();
      for (const { cluster, generation } of input.sources()) this.set({ cluster }, generation);
    },
  });
  new Gauge({
    registers,
    name: 'isthmus_source_problems',
    help: 'Problems of the last read of a source; with errors it is not in force.',
    labelNames: ['cluster', 'severity'],
    collect() {
      this.reset();
      for (const { cluster, errors, warnings } of input.sources()) {
        this.set({ cluster, severity: 'error' }, errors);
        this.set({ cluster, severity: 'warning' }, warnings);
      }
    },
  });
  new Gauge({
    registers,
    name: 'citadel_server_cert_chain_expiry_timestamp',
    help: 'When the signing certificate expires, seconds since the epoch.',
    collect() {
      this.set(input.ca().notAfter.getTime() / 1000);
    },
  });
  for (const { name, help, of } of ROOT_GAUGES) {
    new Gauge({
      registers,
      name,
      help,
      labelNames: ['root'],
      collect() {
        // A root that was dropped is no series any more.
        this.reset();
        for (const root of input.ca().roots) this.set({ root: root.fingerprint }, of(root));
      },
    });
  }
}

/** By the SHA-256 of the root. */
const ROOT_GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly of: (root: RootStatus) => number;
}[] = [
  {
    name: 'isthmus_ca_root_expiry_timestamp',
    help: 'When a root in force expires, seconds since the epoch.',
    of: ({ notAfter }) => notAfter.getTime() / 1000,
  },
  {
    name: 'isthmus_ca_root_signs',
    help: 'Whether certificates are signed below the root now.',
    of: ({ signs }) => Number(signs),
  },
  {
    name: 'isthmus_ca_root_followers',
    help: 'Proxies that follow the trust bundles and were sent the root.',
    of: ({ followers }) => followers,
  },
  {
    name: 'isthmus_ca_root_certificates',
    help: 'Certificates below the root that have not expired, as far as this process issued them.',
    of: ({ issued }) => issued,
  },
];

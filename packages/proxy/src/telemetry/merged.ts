/**
 * The metrics of several processes as one page. Counters and histograms are summed, gauges merged as their row says. A
 * process that has ended leaves the counts it last told of behind, so that sums do not fall when a worker is replaced;
 * what it counted after that is lost, and its gauges go with it.
 */
import { AggregatorRegistry, type MetricObject } from 'prom-client';
import { METRICS } from './catalog.js';
import { createCatalogRegistry } from './catalog-registry.js';
import { followedBy } from './pieces.js';
import type { FamilyState, RegistryInit } from './registry.js';

/** Everything one process counts. */
export interface ProcessState {
  readonly mesh: readonly FamilyState[];
  /** prom-client's own form. */
  readonly process: readonly MetricObject[];
}

export interface MergedMetrics {
  /** Prometheus text format 0.0.4 of all of them together, in pieces. */
  render(processes: readonly ProcessState[]): Promise<Iterable<string>>;
  /** Keeps the counts of a process that has ended. Bounded and expiring as those of a living one. */
  retire(state: ProcessState): void;
}

const GAUGES: ReadonlySet<string> = new Set(
  Object.values(METRICS).flatMap(({ name, kind }) => (kind === 'gauge' ? [name] : [])),
);

export function createMergedMetrics(init: RegistryInit): MergedMetrics {
  const retired = createCatalogRegistry(init).registry;
  // Everything in it was within somebody's bounds already.
  const unbounded = { clock: init.clock, maxSeries: Number.POSITIVE_INFINITY, idleMs: Number.POSITIVE_INFINITY };
  return {
    async render(processes) {
      const { registry } = createCatalogRegistry(unbounded);
      for (const { mesh } of processes) registry.absorb(mesh);
      registry.absorb(retired.states());
      const aggregated = AggregatorRegistry.aggregate(processes.map(({ process }) => [...process]));
      return followedBy(registry.render(), await aggregated.metrics());
    },
    retire: ({ mesh }) => retired.absorb(mesh.filter(({ name }) => !GAUGES.has(name))),
  };
}

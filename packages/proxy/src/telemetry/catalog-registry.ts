/** A registry that knows every metric of the catalog, each registered once. */
import { METRICS, type MetricName } from './catalog.js';
import { createRegistry, type Family, type Registry, type RegistryInit } from './registry.js';
import type { HistogramSeries, NumberSeries } from './series.js';

export interface CatalogRegistry {
  readonly registry: Registry;
  /** Of a counter or a gauge. */
  family(name: MetricName): Family<NumberSeries>;
  histogram(name: MetricName): Family<HistogramSeries>;
}

export function createCatalogRegistry(init: RegistryInit): CatalogRegistry {
  const registry = createRegistry(init);
  const numbers = new Map<MetricName, Family<NumberSeries>>();
  const histograms = new Map<MetricName, Family<HistogramSeries>>();
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const row = METRICS[name];
    // The registry has that one from the start: it counts in it.
    if (name === 'overflow') continue;
    if (row.kind === 'histogram') histograms.set(name, registry.histogram(row));
    else numbers.set(name, registry.counter(row));
  }
  return {
    registry,
    family: (name) => found(numbers.get(name), `${name} is not a counter`),
    histogram: (name) => found(histograms.get(name), `${name} is not a histogram`),
  };
}

function found<T>(family: T | undefined, otherwise: string): T {
  if (!family) throw new Error(otherwise);
  return family;
}

/**
 * A metrics registry for the hot path: whoever updates holds the series itself, so an update is an addition to a number
 * and the label text is made once per label set. Bounds: each family holds at most `maxSeries` label sets; what comes
 * beyond is counted in one series whose labels read `overflow` (the way of OpenTelemetry), so sums stay right. A series
 * that nobody holds and nothing touched for `idleMs` disappears on the next scrape, or when room is needed.
 */
import type { Clock } from '@isthmus/sdk/runtime';
import { METRICS, type MetricRow } from './catalog.js';
import { pair } from './label-sets.js';
import { gathered } from './pieces.js';
import { HistogramSeries, type Merge, NumberSeries, type Series } from './series.js';

export interface RegistryInit {
  readonly clock: Clock;
  readonly maxSeries: number;
  readonly idleMs: number;
}

/** One metric of one process, as it travels between processes: numbers by label text. */
export interface FamilyState {
  readonly name: string;
  readonly series: readonly (readonly [labels: string, values: readonly number[]])[];
}

const sum: Merge = (own, other) => own + other;
const most: Merge = (own, other) => Math.max(own, other);

/** A full family is searched for idle series no more often than this, or each hostile label set would cost a search. */
const SWEEP_PAUSE_MS = 1_000;

/** The series of one metric. */
export class Family<S extends Series> {
  private readonly row: MetricRow;
  private readonly make: (labels: string, now: number) => S;
  private readonly init: RegistryInit;
  private readonly onOverflow: () => void;
  private readonly bySet = new Map<string, S>();
  private readonly overflowLabels: string;
  private overflow: S | undefined;
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(row: MetricRow, make: (labels: string, now: number) => S, init: RegistryInit, onOverflow: () => void) {
    this.row = row;
    this.make = make;
    this.init = init;
    this.onOverflow = onOverflow;
    this.overflowLabels = row.labels.map((name) => pair(name, 'overflow')).join(',');
  }

  get size(): number {
    return this.bySet.size;
  }

  /** The series of these labels, made when new; at the bound, the overflow series. */
  series(labels: string): S {
    const now = this.init.clock.monotonic();
    let series = this.bySet.get(labels);
    if (!series) {
      if (this.bySet.size >= this.init.maxSeries && now - this.sweptAt >= SWEEP_PAUSE_MS) this.sweep(now);
      if (this.bySet.size >= this.init.maxSeries) return this.overflowed();
      series = this.make(labels, now);
      this.bySet.set(labels, series);
    }
    series.touchedAt = now;
    return series;
  }

  /** Like `series`, and keeps it from expiring until `release`. */
  hold(labels: string): S {
    const series = this.series(labels);
    series.holders += 1;
    return series;
  }

  release(series: S): void {
    series.holders -= 1;
    series.touchedAt = this.init.clock.monotonic();
  }

  sweep(now: number): void {
    this.sweptAt = now;
    for (const [labels, series] of this.bySet) {
      if (series.holders > 0 || now - series.touchedAt < this.init.idleMs) continue;
      series.live = false;
      this.bySet.delete(labels);
    }
  }

  /** Nothing when there is no series: an empty family is left out of the page, as by ztunnel. */
  *render(): Generator<string> {
    const { name, kind, help } = this.row;
    const all = this.all();
    if (all.length === 0) return;
    yield `# HELP ${name} ${help.replaceAll('\\', '\\\\')}\n# TYPE ${name} ${kind}\n`;
    for (const series of all) yield series.render(name);
  }

  state(): FamilyState {
    return { name: this.row.name, series: this.all().map((series) => [series.labels, series.values()]) };
  }

  absorb({ series }: FamilyState): void {
    const merge = this.row.kind === 'gauge' && this.row.merge === 'max' ? most : sum;
    for (const [labels, values] of series) {
      const own = labels !== '' && labels === this.overflowLabels ? this.spilled() : this.series(labels);
      own.absorb(values, merge);
    }
  }

  private all(): readonly S[] {
    return this.overflow ? [...this.bySet.values(), this.overflow] : [...this.bySet.values()];
  }

  private overflowed(): S {
    this.onOverflow();
    return this.spilled();
  }

  private spilled(): S {
    this.overflow ??= this.make(this.overflowLabels, this.init.clock.monotonic());
    return this.overflow;
  }
}

export interface Registry {
  counter(row: MetricRow & { readonly kind: 'counter' | 'gauge' }): Family<NumberSeries>;
  histogram(row: MetricRow & { readonly kind: 'histogram' }): Family<HistogramSeries>;
  /** Prometheus text format 0.0.4, in pieces that are made as they are taken. Expired series are dropped first. */
  render(): Iterable<string>;
  /** What `render` would say, for another process to absorb. */
  states(): readonly FamilyState[];
  /** Adds another process's numbers; what is not registered here is ignored. */
  absorb(states: readonly FamilyState[]): void;
  /** Label sets held, over all families. */
  readonly size: number;
}

export function createRegistry(init: RegistryInit): Registry {
  const families = new Map<string, Family<NumberSeries> | Family<HistogramSeries>>();
  const makeNumber = (labels: string, now: number) => new NumberSeries(labels, now);
  const makeHistogram = (labels: string, now: number) => new HistogramSeries(labels, now);
  const overflows = register(METRICS.overflow, new Family(METRICS.overflow, makeNumber, init, () => {}));

  function register<F extends Family<NumberSeries> | Family<HistogramSeries>>(row: MetricRow, family: F): F {
    if (families.has(row.name)) throw new Error(`metric ${row.name} is registered twice`);
    families.set(row.name, family);
    return family;
  }
  const countOverflow = (row: MetricRow) => () => overflows.series(pair('metric', row.name)).add(1);

  function sweep(): void {
    const now = init.clock.monotonic();
    for (const family of families.values()) family.sweep(now);
  }

  return {
    counter: (row) => register(row, new Family(row, makeNumber, init, countOverflow(row))),
    histogram: (row) => register(row, new Family(row, makeHistogram, init, countOverflow(row))),
    *render() {
      sweep();
      yield* gathered(textsOf(families.values()));
    },
    states() {
      sweep();
      return [...families.values()].map((family) => family.state()).filter(({ series }) => series.length > 0);
    },
    absorb(states) {
      for (const state of states) families.get(state.name)?.absorb(state);
    },
    get size() {
      return [...families.values()].reduce((sum, family) => sum + family.size, 0);
    },
  };
}

function* textsOf(families: Iterable<Family<NumberSeries> | Family<HistogramSeries>>): Generator<string> {
  for (const family of families) yield* family.render();
}

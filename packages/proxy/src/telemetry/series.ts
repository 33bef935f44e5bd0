/**
 * One label set of a metric: the numbers that the data path adds to. An update touches a number and nothing else; text
 * is made when somebody scrapes.
 */
import { HISTOGRAM_BOUNDS } from './catalog.js';

export abstract class Series {
  /** `name="value",…`, the key in its family. */
  readonly labels: string;
  /** False once expired: whoever kept it asks the family for a new one. */
  live = true;
  holders = 0;
  touchedAt: number;

  constructor(labels: string, now: number) {
    this.labels = labels;
    this.touchedAt = now;
  }

  abstract render(name: string): string;

  /** The numbers alone, to be sent to another process. */
  abstract values(): readonly number[];

  /** Adds the numbers of a series with the same labels in another process. */
  abstract absorb(values: readonly number[], merge: Merge): void;
}

/** How two processes' numbers become one. */
export type Merge = (own: number, other: number) => number;

/** A counter or a gauge. */
export class NumberSeries extends Series {
  value = 0;

  add(amount: number): void {
    this.value += amount;
  }

  override render(name: string): string {
    return `${named(name, this.labels)} ${this.value}\n`;
  }

  override values(): readonly number[] {
    return [this.value];
  }

  override absorb([other = 0]: readonly number[], merge: Merge): void {
    this.value = merge(this.value, other);
  }
}

export class HistogramSeries extends Series {
  private readonly counts = new Float64Array(HISTOGRAM_BOUNDS.length + 1);
  private sum = 0;

  observe(value: number): void {
    let bucket = 0;
    while (bucket < HISTOGRAM_BOUNDS.length && value > (HISTOGRAM_BOUNDS[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }

  override render(name: string): string {
    const comma = this.labels === '' ? '' : ',';
    let text = '';
    let running = 0;
    for (const [index, count] of this.counts.entries()) {
      running += count;
      text += `${name}_bucket{${this.labels}${comma}le="${HISTOGRAM_BOUNDS[index] ?? '+Inf'}"} ${running}\n`;
    }
    return `${text}${named(`${name}_sum`, this.labels)} ${this.sum}\n${named(`${name}_count`, this.labels)} ${running}\n`;
  }

  /** The buckets, and the sum last. */
  override values(): readonly number[] {
    return [...this.counts, this.sum];
  }

  override absorb(values: readonly number[], merge: Merge): void {
    for (const bucket of this.counts.keys()) {
      this.counts[bucket] = merge(this.counts[bucket] ?? 0, values[bucket] ?? 0);
    }
    this.sum = merge(this.sum, values[this.counts.length] ?? 0);
  }
}

function named(name: string, labels: string): string {
  return labels === '' ? name : `${name}{${labels}}`;
}

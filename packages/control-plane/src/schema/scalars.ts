/**
 * Readers of single values. Text is taken as it stands: nothing is trimmed or converted, so that what is shown later
 * is what was written.
 */
import { isIP } from 'node:net';
import { describeValue, INVALID, type Schema } from './schema.js';

export interface TextRule {
  readonly type: string;
  readonly test: (text: string) => boolean;
  /** What the text has to be; follows `expected`. */
  readonly expected: string;
}

export function string(rule?: TextRule): Schema<string> {
  return {
    type: rule?.type ?? 'string',
    read(value, path, report) {
      if (typeof value !== 'string') {
        const isUnquoted = typeof value === 'number' || typeof value === 'boolean';
        const expected = isUnquoted ? 'a string' : (rule?.expected ?? 'a string');
        report(path, `expected ${expected}, found ${describeValue(value)}${isUnquoted ? '; quote it' : ''}`);
        return INVALID;
      }
      if (rule && !rule.test(value)) {
        report(path, `expected ${rule.expected}, found ${describeValue(value)}`);
        return INVALID;
      }
      return value;
    },
  };
}

export function boolean(): Schema<boolean> {
  return {
    type: 'true | false',
    read(value, path, report) {
      if (typeof value === 'boolean') return value;
      report(path, `expected true or false, found ${describeValue(value)}`);
      return INVALID;
    },
  };
}

export function integer({ min, max, type = 'integer' }: { min: number; max: number; type?: string }): Schema<number> {
  return {
    type,
    read(value, path, report) {
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
      report(path, `expected an integer from ${min} to ${max}, found ${describeValue(value)}`);
      return INVALID;
    },
  };
}

/** A TCP or UDP port; 0 only where `min` says so (listeners that choose a free one). */
export function port(min: 0 | 1 = 1): Schema<number> {
  return integer({ min, max: 65_535, type: 'port' });
}

export function oneOf<const T extends string>(values: readonly T[]): Schema<T> {
  return {
    type: values.join(' | '),
    read(value, path, report) {
      const found = values.find((candidate) => candidate === value);
      if (found !== undefined) return found;
      report(path, `expected one of ${values.join(', ')}, found ${describeValue(value)}`);
      return INVALID;
    },
  };
}

export const ip: Schema<string> = string({
  type: 'IP address',
  test: (text) => isIP(text) !== 0 && !text.includes('%'),
  expected: 'an IPv4 or IPv6 address without zone',
});

function isDnsName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);
}

/** RFC 1123 subdomain, what Kubernetes allows as an object's name. No `/`: names become parts of xDS keys. */
export const dnsName: Schema<string> = string({
  type: 'DNS name',
  test: isDnsName,
  expected: 'a name of lower case letters, digits, "-" and "." (RFC 1123)',
});

/** What a server may be addressed by. */
export const hostName: Schema<string> = string({
  type: 'DNS name | IP address',
  test: (text) => (isIP(text) !== 0 && !text.includes('%')) || isDnsName(text),
  expected: 'a DNS name or an IP address without zone',
});

/** Cluster ids, networks, trust domains: they become parts of uids, SPIFFE ids and metric labels. */
export const identifier: Schema<string> = string({
  type: 'identifier',
  test: (text) => text.length <= 253 && /^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$/.test(text),
  expected: 'letters, digits, "-", "." and "_"',
});

/** IPv6 in brackets. */
export const hostPort: Schema<string> = string({
  type: 'host:port',
  test: (text) => /^(\[[^\]]+\]|[^:/[\]]+):\d{1,5}$/.test(text),
  expected: 'host:port',
});

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a Go-style duration (`100ms`, `1h30m`, `24h`); undefined when it is none, or not positive. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  }
  return total > 0 ? total : undefined;
}

export const duration: Schema<number> = {
  type: 'duration',
  read(value, path, report) {
    const milliseconds = typeof value === 'string' ? parseDuration(value) : undefined;
    if (milliseconds !== undefined) return milliseconds;
    report(path, `expected a duration such as 100ms, 10s or 24h, found ${describeValue(value)}`);
    return INVALID;
  },
};

/**
 * What kinds of value a setting can have: how its text is read and what an operator may write. A kind refuses by
 * throwing `Refusal`; the reader (`table.ts`) turns that into a problem that names the variable. Kinds know no setting.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';

/** The text is not a value of this kind. The message completes the sentence "NAME=text: ...". */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

export interface Kind<T> {
  /** One word for the reference page. */
  readonly name: string;
  /** What may be written, as a phrase that follows "expected". */
  readonly allowed: string;
  parse(text: string): T;
}

export interface ListenAddress {
  /** Literal IPv4 or IPv6. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export const text: Kind<string> = { name: 'text', allowed: 'any text', parse: (value) => value };

/** ztunnel reads Rust booleans; anything but these two words is a mistake that must not pass as false. */
export const flag: Kind<boolean> = {
  name: 'boolean',
  allowed: 'true or false',
  parse(value) {
    if (value === 'true') return true;
    if (value === 'false') return false;
    throw new Refusal('is neither');
  },
};

/** A path; a file that is not there would be noticed only when it is too late to say so. */
export const existingFile: Kind<string> = {
  name: 'file',
  allowed: 'the path of a file',
  parse(value) {
    if (!existsSync(value)) throw new Refusal('does not exist');
    return value;
  },
};

export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    name: words.join(' | '),
    allowed: `one of ${words.join(', ')}`,
    parse(value) {
      const word = words.find((candidate) => candidate === value);
      if (word === undefined) throw new Refusal('is none of them');
      return word;
    },
  };
}

export function integer(least: number, most: number): Kind<number> {
  return {
    name: 'integer',
    allowed: `a whole number from ${least} to ${most}`,
    parse(value) {
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (!(number >= least && number <= most)) throw new Refusal('is not');
      return number;
    },
  };
}

/** More than any machine this is likely to run on has processors; a typing error must not fork without end. */
const MAX_WORKERS = 256;

/** As ztunnel reads it: a number, a share of the processors, or 0 for all of them. At least 1. */
export const workerCount: Kind<number> = {
  name: 'processes',
  allowed: `a whole number from 0 to ${MAX_WORKERS}, or a percentage of the processors such as 50%`,
  parse(value) {
    const [, digits, percent] = /^(\d{1,3})(%?)$/.exec(value) ?? [];
    const number = digits === undefined ? Number.NaN : Number(digits);
    if (!(number <= (percent ? 100 : MAX_WORKERS))) throw new Refusal('is neither');
    const processors = availableParallelism();
    if (percent) return Math.max(1, Math.floor((processors * number) / 100));
    return number === 0 ? processors : number;
  },
};

/** Neither of the ends: none of something and all of it are no shares. */
export const share: Kind<number> = {
  name: 'share',
  allowed: 'a number between 0 and 1, such as 0.5',
  parse(value) {
    const number = /^0?\.\d{1,6}$/.test(value) ? Number(value) : 0;
    if (number === 0) throw new Refusal('is not');
    return number;
  },
};

/**
 * The level that RUST_LOG sets for everything, as in `info,access=debug`; undefined when it names levels of parts only,
 * which are called otherwise here. The last one counts, as with ztunnel.
 */
export function rustLogLevel<const W extends string>(levels: readonly W[]): Kind<{ readonly level: W | undefined }> {
  return {
    name: 'RUST_LOG',
    allowed: 'a level such as info, then any target=level',
    parse(value) {
      const words = value.split(',').map((piece) => piece.trim().toLowerCase());
      const named = words.map((word) => levels.find((level) => level === (word === 'off' ? 'silent' : word)));
      return { level: named.findLast((level) => level !== undefined) };
    },
  };
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds, written as ztunnel's durations: `5s`, `1m30s`, `24h`. */
export const duration: Kind<number> = {
  name: 'duration',
  allowed: 'a duration such as 500ms, 5s, 1m30s or 24h',
  parse(value) {
    const pieces = [...value.matchAll(/(\d{1,9})(ms|s|m|h|d)/g)];
    if (pieces.length === 0 || pieces.map(([piece]) => piece).join('') !== value)
      throw new Refusal('is not a duration');
    return pieces.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS], 0);
  },
};

export function durationWithin(leastMs: number, mostMs: number): Kind<number> {
  return {
    name: 'duration',
    allowed: `a duration from ${leastMs / 1_000}s to ${mostMs / 1_000}s`,
    parse(value) {
      const milliseconds = duration.parse(value);
      if (milliseconds < leastMs || milliseconds > mostMs) throw new Refusal('is not');
      return milliseconds;
    },
  };
}

export const ip: Kind<string> = {
  name: 'IP address',
  allowed: 'a literal IPv4 or IPv6 address',
  parse(value) {
    if (isIP(value) === 0) throw new Refusal('is not an IP address');
    return value;
  },
};

/** Of the control plane's services: always TLS, so another scheme is a misunderstanding. */
export const serverAddress: Kind<string> = {
  name: 'server address',
  allowed: '[https://]host:port',
  parse(value) {
    const port = Number(/^(?:https:\/\/)?(?:\[[0-9a-f:.]+\]|[^:/[\]\s]+):(\d{1,5})\/?$/i.exec(value)?.[1]);
    if (!(port >= 1 && port <= 65_535)) throw new Refusal('is not the address of a TLS server');
    return value;
  },
};

export const listenAddress: Kind<ListenAddress> = {
  name: 'address',
  allowed: 'ip:port, with IPv6 in brackets',
  parse: parseListenAddress,
};

/** An address nobody outside this host can reach. */
export const loopbackAddress: Kind<ListenAddress> = {
  name: 'loopback address',
  allowed: 'a loopback ip:port (127.0.0.0/8 or [::1])',
  parse: parseLoopbackAddress,
};

/** Zero or more, separated by commas; blanks around an item and empty items are ignored. */
export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    allowed: `a comma separated list, each ${item.allowed}`,
    parse: (value) =>
      value
        .split(',')
        .map((piece) => piece.trim())
        .filter((piece) => piece !== '')
        .map((piece) => parseItem(item, piece)),
  };
}

function parseItem<T>(item: Kind<T>, piece: string): T {
  try {
    return item.parse(piece);
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(`item "${piece}" ${error.message}`);
    throw error;
  }
}

function parseListenAddress(value: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const bracketed = match?.[1] !== undefined;
  if (isIP(host) !== (bracketed ? 6 : 4) || !(port <= 65_535)) throw new Refusal('is not ip:port');
  return { host, port };
}

export function parseLoopbackAddress(value: string): ListenAddress {
  const address = parseListenAddress(value);
  if (!isLoopback(address.host)) throw new Refusal('is not a loopback address');
  return address;
}

export function isLoopback(host: string): boolean {
  return /^127\./.test(host) || host === '::1' || /^::ffff:127\./i.test(host);
}

/**
 * THE table of what this engine announces and how long it waits. Defaults are ztunnel's where ztunnel has the value;
 * where ztunnel waits for ever (handshakes, the CONNECT answer) there is a deadline of our own.
 */

import { KEEP_ALIVE_MS, MOST_KEEP_ALIVE_MS } from '../runtime/keep-alive.js';

interface SettingRow {
  readonly default: number;
  readonly unit: 'bytes' | 'ms' | 'streams' | 'connections';
  /** The environment variable by which ztunnel (and our proxy) sets it. The SDK itself reads no environment. */
  readonly env?: string;
  readonly doc: string;
}

export const SETTING_ROWS = {
  streamWindowBytes: {
    default: 4_194_304,
    unit: 'bytes',
    env: 'HTTP2_STREAM_WINDOW_SIZE',
    doc: 'What one stream may send us unread (SETTINGS_INITIAL_WINDOW_SIZE). Also the most a stalled reader buffers.',
  },
  connectionWindowBytes: {
    default: 16_777_216,
    unit: 'bytes',
    env: 'HTTP2_CONNECTION_WINDOW_SIZE',
    doc: 'What all streams of a connection may send us unread together; as much again is lent when readers stall.',
  },
  maxFrameBytes: {
    default: 1_048_576,
    unit: 'bytes',
    env: 'HTTP2_FRAME_SIZE',
    doc: 'The largest frame we accept (SETTINGS_MAX_FRAME_SIZE). What we send is 64 KiB at most.',
  },
  clientMaxHeaderListBytes: { default: 16_384, unit: 'bytes', doc: 'The largest header list a client accepts.' },
  serverMaxHeaderListBytes: {
    default: 65_536,
    unit: 'bytes',
    doc: 'The largest header list a server accepts; a larger one is answered 431.',
  },
  serverMaxConcurrentStreams: {
    default: 200,
    unit: 'streams',
    doc: 'Streams one client may have open on one connection; more are refused with REFUSED_STREAM.',
  },
  maxStreamsPerConnection: {
    default: 100,
    unit: 'streams',
    env: 'POOL_MAX_STREAMS_PER_CONNECTION',
    doc: 'Streams a client opens on one connection, and what it assumes before the SETTINGS of the peer are there.',
  },
  poolIdleMs: {
    default: 300_000,
    unit: 'ms',
    env: 'POOL_UNUSED_RELEASE_TIMEOUT',
    doc: 'How long a pooled connection without streams is kept.',
  },
  poolMaxConnections: {
    default: 512,
    unit: 'connections',
    doc: 'Connections one pool holds open. Over it the longest idle one is closed; with none idle the caller is refused.',
  },
  innerMaxBackends: {
    default: 16,
    unit: 'connections',
    doc: 'Backends behind one gateway that the inner connections for one service are spread over; with more there, some are left out until a connection reaches its age.',
  },
  innerMaxConnections: {
    default: 1_024,
    unit: 'connections',
    doc: 'Inner connections (to other networks) one pool holds open. Over it the longest idle one is closed; with none idle the caller is refused.',
  },
  innerAgeMs: {
    default: 60_000,
    unit: 'ms',
    doc: 'How long an inner connection takes new tunnels before the gateway is asked to choose anew; ten times as long when every backend has one.',
  },
  pingIntervalMs: { default: 10_000, unit: 'ms', doc: 'From the start, then from each PONG, to the next PING.' },
  pingTimeoutMs: {
    default: 20_000,
    unit: 'ms',
    doc: 'A peer that does not answer a PING for this long is gone; so is one that does not hang up after an orderly end.',
  },
  connectTimeoutMs: { default: 10_000, unit: 'ms', doc: 'TCP connect.' },
  tlsHandshakeTimeoutMs: { default: 10_000, unit: 'ms', doc: 'The whole TLS handshake, both roles.' },
  settingsTimeoutMs: {
    default: 10_000,
    unit: 'ms',
    doc: 'From the end of the TLS handshake to the SETTINGS of the peer.',
  },
  answerTimeoutMs: { default: 10_000, unit: 'ms', doc: 'From a CONNECT to its answer.' },
  keepAliveMs: {
    default: KEEP_ALIVE_MS,
    unit: 'ms',
    env: 'KEEPALIVE_TIME',
    doc: 'Silence on a TCP connection before its peer is probed; 0 never probes.',
  },
  lingerMs: {
    default: 1_000,
    unit: 'ms',
    doc: 'What a connection that is closed at once, or that failed, is given to say so before its socket is destroyed.',
  },
} as const satisfies Record<string, SettingRow>;

export type HboneSettings = { readonly [Name in keyof typeof SETTING_ROWS]: number };

export const DEFAULT_SETTINGS = Object.fromEntries(
  Object.entries(SETTING_ROWS).map(([name, row]) => [name, row.default]),
) as HboneSettings;

/** Defaults with the given values over them. Throws a RangeError that names the setting and its bounds. */
export function resolveSettings(overrides: Partial<HboneSettings> = {}): HboneSettings {
  const settings = { ...DEFAULT_SETTINGS, ...overrides };
  for (const [name, { min, max }] of Object.entries(BOUNDS)) {
    const value = settings[name as keyof typeof BOUNDS];
    if (Number.isInteger(value) && value >= min && value <= max) continue;
    throw new RangeError(`HBONE setting ${name} is ${value}; it must be a whole number from ${min} to ${max}`);
  }
  return settings;
}

/** Of RFC 9113 section 6.5.2, and of the system. A window below the protocol's 65535 is left to tests of back-pressure. */
const BOUNDS = {
  streamWindowBytes: { min: 1, max: 2 ** 31 - 1 },
  connectionWindowBytes: { min: 65_535, max: 2 ** 31 - 1 },
  maxFrameBytes: { min: 16_384, max: 2 ** 24 - 1 },
  serverMaxConcurrentStreams: { min: 1, max: 2 ** 31 - 1 },
  maxStreamsPerConnection: { min: 1, max: 2 ** 31 - 1 },
  poolMaxConnections: { min: 1, max: 2 ** 31 - 1 },
  innerMaxBackends: { min: 1, max: 2 ** 31 - 1 },
  innerMaxConnections: { min: 1, max: 2 ** 31 - 1 },
  keepAliveMs: { min: 0, max: MOST_KEEP_ALIVE_MS },
} as const;

/**
 * THE table of attacks: for each budget of `ABUSE_BUDGETS`, and for each bound of another kind, somebody who goes over it
 * with the limits as they are. Bytes only: used against a server in this process and against whole proxies.
 */
import { SettingId } from '@isthmus/codec-wasm';
import type { BudgetName } from '../../../src/hbone/limits.js';
import { raw, rawFrame } from '../raw-frames.js';

/** How the attacker loses its connection; `bounded`: it may stay, because what it costs is bounded. */
export type Outcome =
  | 'ENHANCE_YOUR_CALM'
  | 'FLOW_CONTROL_ERROR'
  | 'FRAME_SIZE_ERROR'
  | 'COMPRESSION_ERROR'
  | 'PROTOCOL_ERROR'
  | 'bounded';

export interface Attack {
  /** Continues "a peer that ...". */
  readonly does: string;
  /** The row of `ABUSE_BUDGETS` that it runs into. */
  readonly budget?: BudgetName;
  readonly outcome: Outcome;
  /** Only where everything comes back: an application that reads gives the credit back, and nothing is amiss. */
  readonly needsEcho?: true;
  /** Hundreds of tunnels are opened, and each costs a connection to the application: real work, and not little. */
  readonly opensTunnels?: true;
  /** Everything that follows the handshake. `authority` is one that the server accepts. */
  bytes(authority: string): Buffer;
}

const HEADERS = 0x1;
const CONTINUATION = 0x9;
const END_HEADERS = 0x4;

const id = (n: number) => 2 * n + 1;

function flood(count: number, make: (n: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, n) => make(n)));
}

/** One field of nearly 4 KB enters the table; after that one byte stands for all of it (RFC 7541 section 7.3). */
function bomb(references: number): Buffer {
  const length = 3_900;
  const field = Buffer.of(0x40, 1, 0x61, 0x7f, 0x80 | ((length - 127) & 0x7f), (length - 127) >> 7);
  return rawFrame(
    HEADERS,
    END_HEADERS,
    1,
    Buffer.concat([field, Buffer.alloc(length, 0x62), Buffer.alloc(references, 0x80 | 62)]),
  );
}

export const ATTACKS: readonly Attack[] = [
  {
    does: 'resets streams as fast as it opens them',
    opensTunnels: true,
    budget: 'rapidReset',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: (authority) => flood(1_100, (n) => Buffer.concat([raw.connect(id(n), authority), raw.rstStream(id(n), 8)])),
  },
  {
    does: 'makes us reset its streams, by malformed requests',
    budget: 'provokedResets',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: () =>
      flood(1_100, (n) =>
        raw.headers(id(n), [
          [':method', 'CONNECT'],
          [':path', '/'],
        ]),
      ),
  },
  {
    does: 'makes us reset its streams, by increments of 0',
    opensTunnels: true,
    budget: 'provokedResets',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: (authority) =>
      flood(1_100, (n) => Buffer.concat([raw.connect(id(n), authority), raw.windowUpdate(id(n), 0)])),
  },
  {
    does: 'opens more streams than it may, without end',
    opensTunnels: true,
    budget: 'provokedResets',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: (authority) => flood(1_300, (n) => raw.connect(id(n), authority)),
  },
  {
    does: 'sends header lists over the limit, one after the other',
    budget: 'provokedResets',
    outcome: 'ENHANCE_YOUR_CALM',
    // The list is made of nothing but the static table: 1,600 bytes that stand for 70,400.
    bytes: () => flood(1_100, (n) => rawFrame(HEADERS, END_HEADERS, id(n), Buffer.alloc(1_600, 0x80 | 0x10))),
  },
  {
    does: 'floods with PING',
    budget: 'pings',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: () => flood(1_100, () => raw.ping()),
  },
  {
    does: 'floods with SETTINGS',
    budget: 'settings',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: () => flood(150, () => raw.settings()),
  },
  {
    does: 'floods with empty DATA',
    budget: 'emptyData',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: (authority) => Buffer.concat([raw.connect(1, authority), flood(1_100, () => raw.data(1, ''))]),
  },
  {
    does: 'floods with DATA that is nothing but padding',
    budget: 'emptyData',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: (authority) => Buffer.concat([raw.connect(1, authority), flood(1_100, () => raw.paddedData(1, '', 255))]),
  },
  {
    does: 'goes on about streams that are over',
    budget: 'lateFrames',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: (authority) =>
      Buffer.concat([
        raw.connect(1, authority),
        raw.rstStream(1, 8),
        Buffer.alloc(100_001 * 13, raw.windowUpdate(1, 1)),
      ]),
  },
  {
    does: 'floods with CONTINUATION',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: () =>
      Buffer.concat([rawFrame(HEADERS, 0, 1, Buffer.of(0x82)), flood(20, () => rawFrame(CONTINUATION, 0, 1))]),
  },
  {
    does: 'sends a header block without end, in large pieces',
    outcome: 'ENHANCE_YOUR_CALM',
    bytes: () =>
      Buffer.concat([
        rawFrame(HEADERS, 0, 1),
        flood(9, () => rawFrame(CONTINUATION, 0, 1, Buffer.alloc(16_384, 0x82))),
      ]),
  },
  { does: 'sends an HPACK bomb', outcome: 'ENHANCE_YOUR_CALM', bytes: () => bomb(16_000) },
  {
    does: 'sends a header block that cannot be decoded',
    outcome: 'COMPRESSION_ERROR',
    bytes: () => rawFrame(HEADERS, END_HEADERS, 1, Buffer.alloc(6, 0xff)),
  },
  { does: 'announces a frame of 16 MB', outcome: 'FRAME_SIZE_ERROR', bytes: () => rawFrame(0, 0, 1).fill(0xff, 0, 3) },
  {
    does: 'overflows the window of the connection',
    outcome: 'FLOW_CONTROL_ERROR',
    bytes: () => raw.windowUpdate(0, 2 ** 31 - 1),
  },
  {
    does: 'overflows the windows of its streams by SETTINGS',
    outcome: 'FLOW_CONTROL_ERROR',
    bytes: (authority) =>
      Buffer.concat([
        raw.connect(1, authority),
        raw.windowUpdate(1, 2 ** 30),
        raw.settings([SettingId.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]),
      ]),
  },
  {
    does: 'sends more than the window of the connection allows',
    needsEcho: true,
    outcome: 'FLOW_CONTROL_ERROR',
    bytes: (authority) =>
      Buffer.concat([
        // Twice the window may be unread: what stalled readers hold is lent to the others.
        ...Array.from({ length: 9 }, (_, n) => raw.connect(id(n), authority)),
        ...Array.from({ length: 33 }, (_, n) => raw.data(id(n % 9), Buffer.alloc(1_048_576))),
      ]),
  },
  { does: 'speaks another protocol', outcome: 'PROTOCOL_ERROR', bytes: () => rawFrame(0x5, 0, 1, Buffer.alloc(4)) },
  {
    does: 'closes all windows and asks for much',
    opensTunnels: true,
    outcome: 'bounded',
    bytes: (authority) =>
      Buffer.concat([
        raw.settings([SettingId.INITIAL_WINDOW_SIZE, 0]),
        ...Array.from({ length: 200 }, (_, n) =>
          Buffer.concat([raw.connect(id(n), authority), raw.data(id(n), Buffer.alloc(65_536, 'z'))]),
        ),
      ]),
  },
  {
    does: 'opens its windows one byte at a time, all at once',
    outcome: 'bounded',
    bytes: (authority) =>
      Buffer.concat([
        raw.settings([SettingId.INITIAL_WINDOW_SIZE, 0]),
        raw.connect(1, authority),
        raw.data(1, Buffer.alloc(65_536, 'z')),
        Buffer.alloc(5_000 * 13, raw.windowUpdate(1, 1)),
      ]),
  },
  {
    does: 'sends its bytes one to a frame',
    outcome: 'bounded',
    bytes: (authority) => Buffer.concat([raw.connect(1, authority), Buffer.alloc(20_000 * 10, raw.data(1, 'x'))]),
  },
];

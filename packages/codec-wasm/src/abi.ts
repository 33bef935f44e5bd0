/**
 * What both sides of the wasm boundary agree on: the exports, the fixed addresses the host touches and the record
 * layouts. The other side is assembly/{index,memory,events}.ts; a test compares every number and every name.
 */

/** Exports of the module; pointers are byte offsets in the memory. */
export interface Exports {
  initialize(): void;
  registerName(length: number, index: number): number;
  sealNames(baggageIndex: number): void;
  registerKey(length: number, index: number): number;
  openSlot(
    number: number,
    isServer: number,
    maxFrame: number,
    maxList: number,
    maxBlock: number,
    maxContinuations: number,
  ): number;
  setTableLimit(slot: number, bytes: number): void;
  scan(slot: number, from: number, windowStart: number, windowLength: number, end: number): number;
  decodeBlock(slot: number, length: number): number;
  decodeBaggage(length: number): void;
  staticDataEnd(): number;
}

export const EXPORT_NAMES: readonly (keyof Exports)[] = [
  'initialize',
  'registerName',
  'sealNames',
  'registerKey',
  'openSlot',
  'setTableLimit',
  'scan',
  'decodeBlock',
  'decodeBaggage',
  'staticDataEnd',
];

/** Bytes of a WebAssembly page. */
export const PAGE = 0x10000;

/** Fixed addresses and sizes, as in assembly/memory.ts. */
export const Memory = {
  TABLES: 0x8000,
  WINDOW: 0x10000,
  WINDOW_SIZE: 0x1000,
  BLOCK_RESULT: 0x11000,
  BLOCK_BAGGAGE: 0x12000,
  LOOSE_BAGGAGE: 0x13000,
  FIELDS: 0x20000,
  BLOCK_INPUT: 0x30000,
  MAX_HEADER_BLOCK: 0x40000,
  MAX_HEADER_LIST: 0x20000,
  LOOSE_INPUT: 0x140000,
  MAX_LOOSE_BAGGAGE: 0x20000,
  SLOTS: 0x160000,
  SLOT_SIZE: 0x2d00,
  MAX_TABLE: 4096,
} as const;

/** Offsets within a slot, as in assembly/memory.ts. */
export const Slot = {
  BODY_LEFT: 36,
  SKIP_LEFT: 40,
  RECORD_COUNT: 64,
  COLLECT: 128,
  RECORDS: 320,
} as const;

/** Records, fields and baggage, as in assembly/events.ts. */
export const Layout = {
  RECORD_SIZE: 20,
  FIELD_SIZE: 16,
  BAGGAGE_PRESENT: 0,
  BAGGAGE_MALFORMED: 8,
  BAGGAGE_VALUES: 16,
  BAGGAGE_UNESCAPED: 0x40000000,
} as const;

/** Record kinds, as in assembly/events.ts. Those that are events of the public API have the same number there. */
export const Kind = {
  DATA: 1,
  FRAGMENT: 2,
  RST_STREAM: 4,
  SETTINGS: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  STREAM_ERROR: 9,
  FAULT: 10,
} as const;

/** Record flags, as in assembly/events.ts. */
export const Flag = {
  END_STREAM: 1,
  ACK: 2,
  BLOCK_END: 4,
} as const;

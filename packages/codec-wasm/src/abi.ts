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
  openSlot(number: number, isServer: number, maxList: number): number;
  setTableLimit(slot: number, bytes: number): void;
  decodeBlock(slot: number, source: number, length: number): number;
  readBlockBaggage(): void;
  readConnect(): void;
  decodeBaggage(source: number, length: number): void;
  staticDataEnd(): number;
}

export const EXPORT_NAMES: readonly (keyof Exports)[] = [
  'initialize',
  'registerName',
  'sealNames',
  'registerKey',
  'openSlot',
  'setTableLimit',
  'decodeBlock',
  'readBlockBaggage',
  'readConnect',
  'decodeBaggage',
  'staticDataEnd',
];

/** Bytes of a WebAssembly page. */
export const PAGE = 0x10000;

/** Fixed addresses and sizes, as in assembly/memory.ts. */
export const Memory = {
  PADDING: 64,
  TABLES: 0x8000,
  BLOCK_RESULT: 0x12200,
  BLOCK_BAGGAGE: 0x12400,
  LOOSE_BAGGAGE: 0x13000,
  INTERN_KEY: 0x18000,
  INTERN_COUNT: 1024,
  INTERN_TEXT_SIZE: 1024,
  FIELDS: 0x20000,
  BLOCK_INPUT: 0x30000,
  MAX_HEADER_BLOCK: 0x40000,
  MAX_HEADER_LIST: 0x20000,
  LOOSE_INPUT: 0x140080,
  MAX_LOOSE_BAGGAGE: 0x20000,
  SLOTS: 0x270000,
  SLOT_SIZE: 0x2d00,
  MAX_TABLE: 4096,
} as const;

/** Fields, results and baggage, as in assembly/events.ts. */
export const Layout = {
  FIELD_SIZE: 16,
  RESULT_COUNT: 0,
  RESULT_REFUSED: 4,
  RESULT_KIND: 16,
  RESULT_IPV4: 20,
  RESULT_PORT: 24,
  RESULT_HOST: 28,
  RESULT_HOST_LENGTH: 32,
  RESULT_PEER: 40,
  BAGGAGE_MALFORMED: 0,
  BAGGAGE_VALUES: 8,
  BAGGAGE_UNESCAPED: 0x40000000,
} as const;

/**
 * The memory map. Every region has a fixed address and a fixed size; the memory is as large as it will ever be when
 * the instance starts, so the host's views stay valid for good.
 *
 * Shared regions serve one call at a time (the module is single threaded and never re-entered); what must outlive a
 * call lives in the slot of its connection. The host repeats these numbers in src/abi.ts; a test reads them from here,
 * one constant a line, and holds the two together.
 *
 * Text is read in steps of up to 16 bytes, so behind every region that holds text there are PADDING bytes that belong to
 * nobody: what a wide read sees there is masked off, never acted on.
 */

// The compiler's own static data starts at 1 KiB (address 0 stays unused: a null pointer is always a bug) and must end
// before TABLES; `staticDataEnd` is exported so that a test can see that it does.

/** Bytes behind a region of text that may be read and mean nothing; the memory ends with as many. */
export const PADDING = 64;

/** Lookup tables built once by `initialize` and by the registrations. */
export const TABLES: usize = 0x8000;
/** 257 x u16: symbols in canonical order. */
export const HUFFMAN_SYMBOLS: usize = 0x8400;
/** 31 rows of 12 bytes, one per code length: last code left-justified in 32 bits, first code, index of its symbol. */
export const HUFFMAN_ROWS: usize = 0x8800;
/** 62 table entries (see TABLE_ENTRY_SIZE); row 0 is unused, as in RFC 7541. */
export const STATIC_ENTRIES: usize = 0x8a00;
export const STATIC_BYTES: usize = 0x9000;
/** 1024 x u16: open hash over the known names, entry number or 0. */
export const NAME_HASH: usize = 0x9a00;
/** Known names: entry 0 is "not known". */
export const NAME_ENTRIES: usize = 0xa200;
export const NAME_BYTES: usize = 0xba00;
export const NAME_BYTES_SIZE: usize = 0x2000;
/** 256 x u8: open hash over the registered baggage keys, key index + 1 or 0. */
export const KEY_HASH: usize = 0xda40;
export const KEY_BYTES: usize = 0xdc00;
export const KEY_BYTES_SIZE: usize = 0x2000;

/** 65 records of 128 bytes: the registered baggage keys, and one for no key (baggage/keys.ts). */
export const KEY_RECORDS: usize = 0x10000;
/** Outcome of the last `decodeBlock` (layout in events.ts). */
export const BLOCK_RESULT: usize = 0x12200;
/** Baggage of the last block (layout in events.ts). */
export const BLOCK_BAGGAGE: usize = 0x12400;
/** Baggage of the last `decodeBaggage`. */
export const LOOSE_BAGGAGE: usize = 0x13000;
/** 4096 x u32: the next 12 bits -> one symbol or two (headers/huffman.ts). */
export const HUFFMAN_PAIRS: usize = 0x14000;
/** 256 x u32 of secret random numbers, given by the host: the key of the hash over interned text. */
export const INTERN_KEY: usize = 0x18000;
/** 1024 interned texts (baggage/intern.ts): serial u64, length i32, hash u32. */
export const INTERN_ENTRIES: usize = 0x1c000;
/** Decoded fields of the last block, FIELD_SIZE each; 4096 = MAX_HEADER_LIST / 32. */
export const FIELDS: usize = 0x20000;
/** One compressed header block, when it does not lie in resident memory. */
export const BLOCK_INPUT: usize = 0x30000;
export const MAX_HEADER_BLOCK = 0x40000;
/**
 * Names and values of the last block. A list within its limit fits MAX_HEADER_LIST; behind that there is room for the
 * one field that breaks the limit, which Huffman coding can make 8/5 the size of the block.
 */
export const ARENA: usize = 0x70040;
export const MAX_HEADER_LIST = 0x20000;
/** Percent-decoded baggage values, of the last block and loose: never longer than what they decode. */
export const BLOCK_UNESCAPED: usize = 0x100000;
export const LOOSE_UNESCAPED: usize = 0x120040;
/** Baggage text given by the host; also carries names and keys while they are registered. */
export const LOOSE_INPUT: usize = 0x140080;
export const MAX_LOOSE_BAGGAGE = 0x20000;
/** Bytes of the interned texts, INTERN_TEXT_SIZE each. */
export const INTERN_TEXTS: usize = 0x161000;
export const INTERN_COUNT = 1024;
export const INTERN_TEXT_SIZE = 1024;

/** Connection slots, SLOT_SIZE each; behind them what the host lends out as resident memory, and PADDING. */
export const SLOTS: usize = 0x270000;
export const SLOT_SIZE: usize = 0x2d00;

// A slot: limits, then HPACK state, then the dynamic table.
export const IS_SERVER = 0;
export const MAX_LIST = 4;
/** Our SETTINGS_HEADER_TABLE_SIZE: what a size update may ask for. */
export const TABLE_LIMIT = 8;
/** Size the peer's encoder chose within the limit. */
export const TABLE_CAPACITY = 12;
export const TABLE_USED = 16;
export const TABLE_COUNT = 20;
/** Entries ever added: the newest one's number, its place in the ring by the lower bits. */
export const TABLE_NEWEST = 24;
/** Where the next entry's bytes go, within TABLE_BYTES. */
export const TABLE_WRITE = 28;
/** Smallest limit set since the last block that the peer must still acknowledge by a size update, or -1. */
export const TABLE_OWED = 32;
/** 128 = MAX_TABLE / 32 dynamic table entries, a ring. */
export const TABLE_RING = 64;
export const TABLE_RING_ENTRIES = 128;
/** Names and values of the entries: twice MAX_TABLE, so that each entry's bytes are in one piece (dynamic-table.ts). */
export const TABLE_BYTES = 3200;
export const MAX_TABLE = 4096;

/** Table entry: pointer u32, name length u16, value length u16, known name u16, verdict u8; f64 the value as a peer. */
export const TABLE_ENTRY_SIZE: usize = 24;

export function get(slot: usize, field: usize): i32 {
  return load<i32>(slot + field);
}

export function set(slot: usize, field: usize, value: i32): void {
  store<i32>(slot + field, value);
}

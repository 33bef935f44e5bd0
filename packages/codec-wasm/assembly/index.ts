/**
 * The ABI: every export, and nothing else. The host's side is src/abi.ts; a test compares the two lists.
 *
 * Numbers only. Pointers are byte offsets in the one memory, which the host creates and which never grows.
 */
import { beginBaggage, endBaggage, readLine } from './baggage/decode';
import { buildKeys, registerKey as addKey } from './baggage/keys';
import {
  decodeBlock as decodeHeaders, readBaggage, readConnect as readTarget, setBaggageName as setBaggage,
} from './headers/decode';
import { openTable, setLimit } from './headers/dynamic-table';
import { buildHuffman } from './headers/huffman';
import { buildNames, registerName as addName } from './headers/names';
import { buildStaticTable } from './headers/static-table';
import {
  IS_SERVER, LOOSE_BAGGAGE, LOOSE_INPUT, LOOSE_UNESCAPED, MAX_LIST, MAX_TABLE, SLOTS, SLOT_SIZE, TABLE_RING, set,
} from './memory';

/** Builds the constant tables; once, before anything else. */
export function initialize(): void {
  buildHuffman();
  buildNames();
  buildKeys();
}

/** Registers the header name in LOOSE_INPUT under `index`; false when the tables are full. */
export function registerName(length: i32, index: i32): bool {
  return addName(LOOSE_INPUT, length, index);
}

/** Ends the registration of names and says which of them is read as baggage. */
export function sealNames(index: i32): void {
  setBaggage(index);
  buildStaticTable();
}

/** Registers the baggage key in LOOSE_INPUT under `index`; false when the tables are full. */
export function registerKey(length: i32, index: i32): bool {
  return addKey(LOOSE_INPUT, length, index);
}

/** Makes slot `number` ready for the first header block of a connection and answers its address. */
export function openSlot(number: i32, isServer: bool, maxList: i32): usize {
  const slot = SLOTS + <usize>number * SLOT_SIZE;
  memory.fill(slot, 0, TABLE_RING);
  set(slot, IS_SERVER, isServer ? 1 : 0);
  set(slot, MAX_LIST, maxList);
  openTable(slot, MAX_TABLE);
  return slot;
}

/** Our SETTINGS_HEADER_TABLE_SIZE, once acknowledged; at most MAX_TABLE. */
export function setTableLimit(slot: usize, bytes: i32): void {
  setLimit(slot, bytes);
}

/** Decodes the header block at `source` to BLOCK_RESULT and FIELDS; answers the fault or 0. */
export function decodeBlock(slot: usize, source: usize, length: i32): i32 {
  return decodeHeaders(slot, source, length);
}

/** Reads the baggage of the block decoded last to BLOCK_BAGGAGE. */
export function readBlockBaggage(): void {
  readBaggage();
}

/** Adds target and peer of the block decoded last to BLOCK_RESULT. */
export function readConnect(): void {
  readTarget();
}

/** Reads the baggage text at `source` to LOOSE_BAGGAGE. */
export function decodeBaggage(source: usize, length: i32): void {
  beginBaggage(LOOSE_BAGGAGE, LOOSE_UNESCAPED);
  readLine(source, length);
  endBaggage();
}

/** Where the compiler's static data ends: must not reach TABLES. */
export function staticDataEnd(): usize {
  return __heap_base;
}

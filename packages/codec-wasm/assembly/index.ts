/**
 * The ABI: every export, and nothing else. The host's side is src/abi.ts; a test compares the two lists.
 *
 * Numbers only. Pointers are byte offsets in the one memory, which the host creates and which never grows.
 */
import { beginBaggage, checkLine, readLine } from './baggage/decode';
import { registerKey as addKey } from './baggage/keys';
import { scan as scanFrames, start } from './frames/decode';
import { decodeBlock as decodeHeaders, setBaggageName as setBaggage } from './headers/decode';
import { openTable, setLimit } from './headers/dynamic-table';
import { buildHuffman } from './headers/huffman';
import { buildNames, registerName as addName } from './headers/names';
import { buildStaticTable } from './headers/static-table';
import {
  IS_SERVER, LOOSE_BAGGAGE, LOOSE_INPUT, LOOSE_UNESCAPED, MAX_BLOCK, MAX_CONTINUATIONS, MAX_FRAME, MAX_LIST, MAX_TABLE,
  RECORDS, SLOTS, SLOT_SIZE, set,
} from './memory';

/** Builds the constant tables; once, before anything else. */
export function initialize(): void {
  buildHuffman();
  buildNames();
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

/** Makes slot `number` ready for the first byte of a connection and answers its address. */
export function openSlot(
  number: i32, isServer: bool, maxFrame: i32, maxList: i32, maxBlock: i32, maxContinuations: i32,
): usize {
  const slot = SLOTS + <usize>number * SLOT_SIZE;
  memory.fill(slot, 0, RECORDS);
  set(slot, IS_SERVER, isServer ? 1 : 0);
  set(slot, MAX_FRAME, maxFrame);
  set(slot, MAX_LIST, maxList);
  set(slot, MAX_BLOCK, maxBlock);
  set(slot, MAX_CONTINUATIONS, maxContinuations);
  openTable(slot, MAX_TABLE);
  start(slot, isServer);
  return slot;
}

/** Our SETTINGS_HEADER_TABLE_SIZE, once acknowledged; at most MAX_TABLE. */
export function setTableLimit(slot: usize, bytes: i32): void {
  setLimit(slot, bytes);
}

/** Scans frames: see frames/decode.ts. */
export function scan(slot: usize, from: i32, windowStart: i32, windowLength: i32, end: i32): i32 {
  return scanFrames(slot, from, windowStart, windowLength, end);
}

/** Decodes the header block in BLOCK_INPUT to BLOCK_RESULT, FIELDS and BLOCK_BAGGAGE; answers the fault or 0. */
export function decodeBlock(slot: usize, length: i32): i32 {
  return decodeHeaders(slot, length);
}

/** Reads the baggage text in LOOSE_INPUT to LOOSE_BAGGAGE. */
export function decodeBaggage(length: i32): void {
  beginBaggage(LOOSE_BAGGAGE, LOOSE_UNESCAPED);
  if (checkLine(LOOSE_INPUT, length)) readLine(LOOSE_INPUT, length);
}

/** Where the compiler's static data ends: must not reach TABLES. */
export function staticDataEnd(): usize {
  return __heap_base;
}

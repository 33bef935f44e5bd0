/**
 * One header block: HPACK (RFC 7541 section 3) to fields in FIELDS and ARENA; when asked, its baggage and target. A list over
 * its limit or malformed is decoded to the end all the same, since later blocks need the dynamic table in step.
 */
import { beginBaggage, endBaggage, readLine } from '../baggage/decode';
import { internOf, isInterned } from '../baggage/intern';
import { copy } from '../bytes/copy';
import { open, peek, remaining } from '../bytes/cursor';
import {
  FIELD_SIZE, HEADER_LIST_TOO_LARGE, HPACK_INDEX, HPACK_TABLE_UPDATE_LATE, HPACK_TABLE_UPDATE_MISSING,
  RESULT_AUTHORITY, RESULT_AUTHORITY_LENGTH, RESULT_COUNT, RESULT_PEER, RESULT_REFUSED,
} from '../events';
import {
  ARENA, BLOCK_BAGGAGE, BLOCK_RESULT, BLOCK_UNESCAPED, FIELDS, IS_SERVER, MAX_LIST, MAX_TABLE, get,
} from '../memory';
import { readAuthority } from './authority';
import { dynamicCount, dynamicEntry, entryNumber, insert, numberedEntry, owesUpdate, resize } from './dynamic-table';
import { knownNameOf, nameLengthOf, peerOf, pointerOf, setPeer, valueLengthOf, verdictOf } from './entry';
import { readInteger } from './integer';
import { AUTHORITY, classOf, findName, indexOf } from './names';
import { addField, beginList, endList, judgeName, judgeValue, nameFaultOf } from './rules';
import { STATIC_COUNT, staticEntry } from './static-table';
import { mayHoldControl, readString } from './string';

/**
 * A list over its limit is refused and still decoded, which two bytes a field can make arbitrarily dear: names and values
 * from the table cost as much as they are long. So past this many times the limit the connection is given up.
 */
const PATIENCE = 8;

let tail: usize = ARENA;
let count: i32 = 0;
let listSize: u32 = 0;
let listLimit: u32 = 0;
let listCeiling: u32 = 0;
let refused: bool = false;
let baggageIndex: i32 = -1;
let baggageLines: i32 = 0;
/** Field of the first of them, and the number of the dynamic table entry that it came from, or 0. */
let baggageLine: usize = 0;
let baggageEntry: i32 = 0;
/** The same of the field being read. */
let fieldEntry: i32 = 0;
/** Where the last block's table is. */
let lastSlot: usize = 0;

/** The registered name whose values are read as baggage. */
export function setBaggageName(index: i32): void {
  baggageIndex = index;
}

/** Decodes the `length` bytes at `source`; answers the fault or 0. */
export function decodeBlock(slot: usize, source: usize, length: i32): i32 {
  open(source, length);
  lastSlot = slot;
  beginList(get(slot, IS_SERVER) != 0);
  tail = ARENA;
  count = 0;
  listSize = 0;
  listLimit = get(slot, MAX_LIST);
  listCeiling = listLimit * PATIENCE + MAX_TABLE;
  refused = false;
  baggageLines = 0;
  store<u64>(BLOCK_RESULT, 0, RESULT_AUTHORITY);

  let fault = readSizeUpdates(slot);
  while (fault == 0 && remaining() > 0) fault = readField(slot);
  if (fault == 0) fault = endList(refused);
  if (refused || fault != 0) {
    count = 0;
    baggageLines = 0;
    store<u64>(BLOCK_RESULT, 0, RESULT_AUTHORITY);
  }
  store<i32>(BLOCK_RESULT, count, RESULT_COUNT);
  store<i32>(BLOCK_RESULT, refused ? 1 : 0, RESULT_REFUSED);
  return fault;
}

/** Size updates come before the first field, or not at all: RFC 7541 section 4.2. */
function readSizeUpdates(slot: usize): i32 {
  while (remaining() > 0 && (peek() & 0xe0) == 0x20) {
    const size = readInteger(5);
    const fault = size < 0 ? -size : resize(slot, size);
    if (fault != 0) return fault;
  }
  return owesUpdate(slot) ? HPACK_TABLE_UPDATE_MISSING : 0;
}

/** One field representation, RFC 7541 section 6. */
function readField(slot: usize): i32 {
  const first = peek();
  if ((first & 0x80) != 0) return readIndexed(slot);
  if ((first & 0x40) != 0) return readLiteral(slot, 6);
  if ((first & 0x20) != 0) return HPACK_TABLE_UPDATE_LATE;
  return readLiteral(slot, 4);
}

/** Address of a table entry by HPACK index, or 0. */
function entryAt(slot: usize, index: i32): usize {
  if (index == 0) return 0;
  if (index <= STATIC_COUNT) return staticEntry(index);
  const position = index - STATIC_COUNT - 1;
  return position < dynamicCount(slot) ? dynamicEntry(slot, position) : 0;
}

function readIndexed(slot: usize): i32 {
  const index = readInteger(7);
  if (index < 0) return -index;
  const entry = entryAt(slot, index);
  if (entry == 0) return HPACK_INDEX;
  const nameLength = nameLengthOf(entry);
  const valueLength = valueLengthOf(entry);
  const source = pointerOf(entry);
  const known = knownNameOf(entry);
  fieldEntry = index > STATIC_COUNT ? entryNumber(slot, index - STATIC_COUNT - 1) : 0;
  addField(known, verdictOf(entry), source + nameLength, valueLength);
  // Copied, because a later field of this block may evict the entry.
  if (fits(nameLength, valueLength)) copy(tail, source, nameLength + valueLength);
  return add(known, nameLength, valueLength);
}

/** With a 6-bit prefix the field also enters the table; with 4 bits (without and never indexed) it does not. */
function readLiteral(slot: usize, prefixBits: i32): i32 {
  const index = readInteger(prefixBits);
  if (index < 0) return -index;
  const entry = entryAt(slot, index);
  if (index != 0 && entry == 0) return HPACK_INDEX;

  const nameLength = entry != 0 ? copyName(entry) : readString(tail);
  if (nameLength < 0) return -nameLength;
  const known = entry != 0 ? knownNameOf(entry) : findName(tail, nameLength);
  const valueLength = readString(tail + nameLength);
  if (valueLength < 0) return -valueLength;

  let verdict = entry != 0 ? nameFaultOf(entry) : judgeName(known, tail, nameLength);
  if (verdict == 0) verdict = judgeValue(known, tail, nameLength, valueLength, mayHoldControl());
  fieldEntry = 0;
  if (prefixBits == 6) insert(slot, tail, nameLength, valueLength, known, verdict);
  addField(known, verdict, tail + nameLength, valueLength);
  return add(known, nameLength, valueLength);
}

function copyName(entry: usize): i32 {
  const length = nameLengthOf(entry);
  copy(tail, pointerOf(entry), length);
  return length;
}

/** Size of the list with one more field: RFC 9113 section 6.5.2. */
function sizeWith(nameLength: i32, valueLength: i32): u32 {
  return listSize + nameLength + valueLength + 32;
}

/** Whether a field is one that will be kept. */
function fits(nameLength: i32, valueLength: i32): bool {
  return sizeWith(nameLength, valueLength) <= listLimit;
}

/** Counts the field whose bytes lie at the tail, and keeps it unless the list is over its limit. */
function add(knownName: i32, nameLength: i32, valueLength: i32): i32 {
  listSize = sizeWith(nameLength, valueLength);
  if (listSize > listCeiling) return HEADER_LIST_TOO_LARGE;
  if (listSize > listLimit) refused = true;
  else keep(knownName, nameLength, valueLength);
  return 0;
}

/** Makes the bytes at the tail a field of the list. */
function keep(knownName: i32, nameLength: i32, valueLength: i32): void {
  const index = indexOf(knownName);
  const field = FIELDS + <usize>count * FIELD_SIZE;
  store<i32>(field, index);
  store<u32>(field, <u32>tail, 4);
  store<i32>(field, nameLength, 8);
  store<i32>(field, valueLength, 12);
  if (index >= 0 && index == baggageIndex) {
    if (baggageLines++ == 0) {
      baggageLine = field;
      baggageEntry = fieldEntry;
    }
  }
  if (classOf(knownName) == AUTHORITY) {
    store<u32>(BLOCK_RESULT, <u32>(tail + nameLength), RESULT_AUTHORITY);
    store<i32>(BLOCK_RESULT, valueLength, RESULT_AUTHORITY_LENGTH);
  }
  tail += nameLength + valueLength;
  count++;
}

/** Reads all lines; one bad byte in any of them and nothing counts. */
export function readBaggage(): void {
  beginBaggage(BLOCK_BAGGAGE, BLOCK_UNESCAPED);
  for (let i = 0; i < count && baggageLines > 0; i++) {
    const field = baggageField(i);
    if (field != 0) readLine(valueOf(field), load<i32>(field, 12));
  }
  endBaggage();
}

export function readConnect(): void {
  readAuthority(load<u32>(BLOCK_RESULT, RESULT_AUTHORITY), load<i32>(BLOCK_RESULT, RESULT_AUTHORITY_LENGTH));
  store<f64>(BLOCK_RESULT, peer(), RESULT_PEER);
}

/** Only a single line is interned: it is what every known peer sends, and needs no gathering. */
function peer(): f64 {
  if (baggageLines != 1) return -1;
  // What a connection says of its peer again and again stands in its table, and with it the number.
  const entry = baggageEntry != 0 ? numberedEntry(lastSlot, baggageEntry) : 0;
  if (entry != 0 && isInterned(peerOf(entry))) return peerOf(entry);
  const id = internOf(valueOf(baggageLine), load<i32>(baggageLine, 12));
  if (entry != 0) setPeer(entry, id);
  return id;
}

function baggageField(i: i32): usize {
  const field = FIELDS + <usize>i * FIELD_SIZE;
  return load<i32>(field) == baggageIndex ? field : <usize>0;
}

function valueOf(field: usize): usize {
  return load<u32>(field, 4) + load<u32>(field, 8);
}

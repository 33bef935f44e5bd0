/** Makes codecs: checks what they are built for, registers the names, leases decoders. */
import { Memory } from './abi.js';
import { type BaggageRegion, WasmBaggageView } from './baggage.js';
import { type DecoderLimits, type Shared, WasmConnectionDecoder } from './connection-decoder.js';
import { CodecError } from './errors.js';
import { type Instance, instantiate, register } from './instance.js';
import { hasSimd } from './simd.js';
import { SlotPool } from './slots.js';
import type { BaggageView, Codec, CodecInit, ConnectionDecoder, DecoderInit } from './types.js';

const DEFAULT_SLOTS = 1024;
/** 189 MB of address space; what no connection uses is never touched. */
const MAX_SLOTS = 16_384;
const DEFAULT_CONTINUATIONS = 16;
const MAX_CONTINUATIONS = 1024;
const MAX_RESIDENT = 0x1000000;
const BAGGAGE = 'baggage';
const utf8 = new TextEncoder();

/** RFC 9113 section 8.2.1: what a registered name may look like, so that a peer's can equal it. */
const FIELD_NAME = /^:?[!-9;-@[-~]+$/;
/** RFC 9110 section 5.6.2 token, as W3C Baggage asks of keys. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * A codec: one wasm instance with fixed memory for `slots` connections. Cheap to use and not quite cheap to make
 * (11.25 KiB of address space per slot): make one per process. Throws `CodecError` INVALID_ARGUMENT on names, keys or
 * numbers that cannot be.
 */
export function createCodec(init: CodecInit): Codec {
  checkList('headerNames', init.headerNames, FIELD_NAME);
  checkList('baggageKeys', init.baggageKeys, TOKEN);
  if (init.baggageKeys.length > 64) throw invalid(`${init.baggageKeys.length} baggageKeys, not at most 64`);
  const slots = within('slots', init.slots ?? DEFAULT_SLOTS, 1, MAX_SLOTS);

  const residentBytes = within('residentBytes', init.residentBytes ?? 0, 0, MAX_RESIDENT);
  const instance = instantiate({ slots, residentBytes, simd: hasSimd() });
  const names = init.headerNames.includes(BAGGAGE) ? init.headerNames : [...init.headerNames, BAGGAGE];
  register(instance, names, names.indexOf(BAGGAGE), init.baggageKeys);
  return new WasmCodec(instance, [...init.headerNames], new SlotPool(slots));
}

class WasmCodec implements Codec {
  readonly slots: SlotPool;
  readonly #shared: Shared;
  /** Baggage that did not come through a decoder. */
  readonly #loose: BaggageRegion;
  readonly #cursor: WasmBaggageView;
  readonly #looseInput: Uint8Array;

  constructor(instance: Instance, names: readonly string[], pool: SlotPool) {
    this.slots = pool;
    this.#shared = { instance, names, pool, generation: { current: 0 } };
    this.#loose = { instance, at: Memory.LOOSE_BAGGAGE, textAt: Memory.LOOSE_INPUT, generation: { current: 0 } };
    this.#cursor = new WasmBaggageView(this.#loose);
    // A character cut off by the end must not be: what is left of it behind the text tells that it is no ASCII.
    const room = Memory.MAX_LOOSE_BAGGAGE + Memory.PADDING;
    this.#looseInput = new Uint8Array(instance.memory.buffer, Memory.LOOSE_INPUT, room);
  }

  get resident(): Uint8Array {
    return this.#shared.instance.resident;
  }

  get simd(): boolean {
    return this.#shared.instance.simd;
  }

  openDecoder(init: DecoderInit): ConnectionDecoder {
    return new WasmConnectionDecoder(this.#shared, limitsOf(init));
  }

  /** Lines are joined by "," on the way in, which is what several lines of a list mean (RFC 9110 section 5.3). */
  decodeBaggage(values: readonly string[]): BaggageView {
    const loose = this.#loose;
    const text = values.length === 1 ? (values[0] as string) : joined(values);
    if (text.length + 1 > Memory.MAX_LOOSE_BAGGAGE) throw new CodecError('BAGGAGE_TOO_LARGE');
    // As UTF-8: what is no ASCII starts, where it stands in the text, with a byte that no baggage may hold.
    utf8.encodeInto(text, this.#looseInput);
    loose.generation.current++;
    loose.instance.exports.decodeBaggage(Memory.LOOSE_INPUT, text.length);
    return new WasmBaggageView(loose, text);
  }

  readBaggage(bytes: Uint8Array, start: number, end: number): BaggageView {
    const { instance } = this.#shared;
    if (!(start >= 0 && start <= end && end <= bytes.length))
      throw invalid(`bytes ${start} to ${end} of ${bytes.length}`);
    if (end - start + 1 > Memory.MAX_LOOSE_BAGGAGE) throw new CodecError('BAGGAGE_TOO_LARGE');
    const address = instance.addressOf(bytes);
    if (address < 0) instance.bytes.set(bytes.subarray(start, end), Memory.LOOSE_INPUT);
    this.#loose.generation.current++;
    instance.exports.decodeBaggage(address < 0 ? Memory.LOOSE_INPUT : address + start, end - start);
    return this.#cursor.renew();
  }
}

/** Stops at the first line that is too much, so that a long list costs no more than a short one. */
function joined(values: readonly string[]): string {
  let text = '';
  for (const value of values) {
    if (text.length + value.length + 1 > Memory.MAX_LOOSE_BAGGAGE) throw new CodecError('BAGGAGE_TOO_LARGE');
    if (text !== '') text += ',';
    text += value;
  }
  return text;
}

function limitsOf(init: DecoderInit): DecoderLimits {
  const { maxHeaderListSize: list } = init;
  const block = init.maxHeaderBlockSize ?? list * 2;
  return {
    role: init.role,
    maxFrameSize: within('maxFrameSize', init.maxFrameSize, 16_384, 16_777_215),
    maxHeaderListSize: within('maxHeaderListSize', list, 0, Memory.MAX_HEADER_LIST),
    maxHeaderBlockSize: within('maxHeaderBlockSize', block, 0, Memory.MAX_HEADER_BLOCK),
    maxContinuations: within('maxContinuations', init.maxContinuations ?? DEFAULT_CONTINUATIONS, 0, MAX_CONTINUATIONS),
  };
}

function checkList(list: string, entries: readonly string[], form: RegExp): void {
  const seen = new Set<string>();
  for (const entry of entries) {
    if (!form.test(entry) || (list === 'headerNames' && entry !== entry.toLowerCase())) {
      throw invalid(`'${entry}' in ${list} can never be received`);
    }
    if (seen.has(entry)) throw invalid(`'${entry}' twice in ${list}`);
    seen.add(entry);
  }
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${name} is ${value}, not a whole number from ${least} to ${most}`);
}

function invalid(detail: string): CodecError {
  return new CodecError('INVALID_ARGUMENT', detail);
}

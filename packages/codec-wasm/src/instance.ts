/**
 * One wasm instance with its fixed memory, and the views on it that stay valid for its life. The module is compiled
 * once per process, with SIMD where the engine has it; every codec has an instance of its own.
 */
import { type Exports, Memory, PAGE } from './abi.js';
import { CodecError } from './errors.js';
import { bytesOf, putLatin1 } from './text.js';
import { SCALAR_BASE64, SIMD_BASE64 } from './wasm.gen.js';

/** What `register` and the readers of results need of an instance. */
export interface Instance {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** What the caller may divide as it likes. */
  readonly resident: Uint8Array;
  readonly simd: boolean;
  /**
   * Where bytes lie in the memory, or -1 when they lie elsewhere. Engines answer `buffer` of an array by a call out of
   * compiled code, tens of nanoseconds: so not when nothing is lent out, nor for the whole of what is.
   */
  addressOf(bytes: Uint8Array): number;
}

const compiled = new Map<boolean, WebAssembly.Module>();

function compile(simd: boolean): WebAssembly.Module {
  const known = compiled.get(simd);
  if (known !== undefined) return known;
  const text = atob(simd ? SIMD_BASE64 : SCALAR_BASE64);
  const bytes = new Uint8Array(text.length);
  putLatin1(text, bytes, 0, 0);
  const module = new WebAssembly.Module(bytes);
  compiled.set(simd, module);
  return module;
}

/** Only debug builds call it: an `assert` in assembly failed, which is a bug of this package. */
function abort(_message: number, _file: number, line: number, column: number): never {
  throw new Error(`codec-wasm: assertion failed at ${line}:${column}`);
}

export interface InstanceInit {
  readonly slots: number;
  readonly residentBytes: number;
  readonly simd: boolean;
}

/** An instance with room for `slots` connections, and no names registered. */
export function instantiate({ slots, residentBytes, simd }: InstanceInit): Instance {
  const resident = Memory.SLOTS + slots * Memory.SLOT_SIZE;
  const pages = Math.ceil((resident + residentBytes + Memory.PADDING) / PAGE);
  // Maximum = initial: memory.grow fails, so that the views below can never be detached.
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssembly.Instance(compile(simd), { env: { memory, abort } });
  const exports = instance.exports as unknown as Exports;
  exports.initialize();
  // One word more than the texts are long: the seed of the lots.
  crypto.getRandomValues(new Uint8Array(memory.buffer, Memory.INTERN_KEY, Memory.INTERN_TEXT_SIZE + 4));
  const { buffer } = memory;
  const lent = new Uint8Array(buffer, resident, residentBytes);
  return {
    exports,
    memory,
    bytes: bytesOf(buffer),
    words: new Int32Array(buffer),
    doubles: new Float64Array(buffer),
    resident: lent,
    simd,
    addressOf(bytes) {
      if (bytes === lent) return resident;
      return residentBytes > 0 && bytes.buffer === buffer ? bytes.byteOffset : -1;
    },
  };
}

/** Names first, keys then; `baggageName` is an index of `names`. */
export function register(
  { exports, bytes }: Instance,
  names: readonly string[],
  baggageName: number,
  keys: readonly string[],
): void {
  for (const [index, name] of names.entries()) {
    putLatin1(name, bytes, Memory.LOOSE_INPUT, 0);
    if (!exports.registerName(name.length, index)) throw tooMany('headerNames', name);
  }
  exports.sealNames(baggageName);
  for (const [index, key] of keys.entries()) {
    putLatin1(key, bytes, Memory.LOOSE_INPUT, 0);
    if (!exports.registerKey(key.length, index)) throw tooMany('baggageKeys', key);
  }
}

function tooMany(list: string, entry: string): CodecError {
  return new CodecError('INVALID_ARGUMENT', `no room for '${entry}' of ${list}: register fewer or shorter ones`);
}

/**
 * One wasm instance with its fixed memory, and the views on it that stay valid for its life. The module is compiled
 * once per process; every codec has an instance of its own.
 */
import { type Exports, Memory, PAGE } from './abi.js';
import { CodecError } from './errors.js';
import { putLatin1 } from './text.js';
import { WASM_BASE64 } from './wasm.gen.js';

export interface Instance {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

let compiled: WebAssembly.Module | undefined;

function compile(): WebAssembly.Module {
  if (compiled === undefined) {
    const text = atob(WASM_BASE64);
    const bytes = new Uint8Array(text.length);
    putLatin1(text, bytes, 0, 0);
    compiled = new WebAssembly.Module(bytes);
  }
  return compiled;
}

/** Only debug builds call it: an `assert` in assembly failed, which is a bug of this package. */
function abort(_message: number, _file: number, line: number, column: number): never {
  throw new Error(`codec-wasm: assertion failed at ${line}:${column}`);
}

/** An instance with room for `slots` connections, and no names registered. */
export function instantiate(slots: number): Instance {
  const pages = Math.ceil((Memory.SLOTS + slots * Memory.SLOT_SIZE) / PAGE);
  // Maximum = initial: memory.grow fails, so that the views below can never be detached.
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssembly.Instance(compile(), { env: { memory, abort } });
  const exports = instance.exports as unknown as Exports;
  exports.initialize();
  return { exports, memory, bytes: new Uint8Array(memory.buffer), words: new Int32Array(memory.buffer) };
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

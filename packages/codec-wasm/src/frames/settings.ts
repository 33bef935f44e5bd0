/** SETTINGS entries, and the values RFC 9113 section 6.5.2 allows. Unknown settings are ignored there, and passed on here. */
import { SettingId } from '../encode/frames.js';
import { CodecError, type CodecErrorCode } from '../errors.js';
import type { SettingsView } from '../types.js';
import { u16At, u32At } from './big-endian.js';

/** Bytes of an entry: id and value. */
export const SETTING_SIZE = 6;

/** The entries at the start of `bytes`: one cursor per connection. */
export class Settings implements SettingsView {
  count = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  id(index: number): number {
    return u16At(this.#bytes, this.#offset(index));
  }

  value(index: number): number {
    return u32At(this.#bytes, this.#offset(index) + 2);
  }

  /** The rule that one of the entries breaks, or undefined. */
  fault(isServer: boolean): CodecErrorCode | undefined {
    for (let index = 0; index < this.count; index++) {
      const fault = settingFault(this.id(index), this.value(index), isServer);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #offset(index: number): number {
    if (index >= 0 && index < this.count) return index * SETTING_SIZE;
    throw new CodecError('INVALID_ARGUMENT', `setting ${index} of ${this.count}`);
  }
}

function settingFault(id: number, value: number, isServer: boolean): CodecErrorCode | undefined {
  // A server must not send 1 either: only the side that would be pushed to may allow it.
  if (id === SettingId.ENABLE_PUSH && value > (isServer ? 1 : 0)) return 'SETTINGS_ENABLE_PUSH';
  if (id === SettingId.INITIAL_WINDOW_SIZE && value > 0x7fffffff) return 'SETTINGS_INITIAL_WINDOW_SIZE';
  if (id === SettingId.MAX_FRAME_SIZE && (value < 16_384 || value > 16_777_215)) return 'SETTINGS_MAX_FRAME_SIZE';
  return undefined;
}

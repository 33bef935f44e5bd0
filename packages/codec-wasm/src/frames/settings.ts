/** SETTINGS entries, and the values RFC 9113 section 6.5.2 allows. Unknown settings are ignored there, and passed on here. */
import { SettingId } from '../encode/frames.js';
import type { CodecErrorCode } from '../errors.js';
import { u16At, u32At } from './big-endian.js';

/** Bytes of an entry: id and value. */
export const SETTING_SIZE = 6;

export function settingIdAt(entries: Uint8Array, index: number): number {
  return u16At(entries, index * SETTING_SIZE);
}

export function settingValueAt(entries: Uint8Array, index: number): number {
  return u32At(entries, index * SETTING_SIZE + 2);
}

/** The rule that one of `count` entries breaks, or undefined. */
export function settingsFault(entries: Uint8Array, count: number, isServer: boolean): CodecErrorCode | undefined {
  for (let index = 0; index < count; index++) {
    const fault = settingFault(settingIdAt(entries, index), settingValueAt(entries, index), isServer);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function settingFault(id: number, value: number, isServer: boolean): CodecErrorCode | undefined {
  // A server must not send 1 either: only the side that would be pushed to may allow it.
  if (id === SettingId.ENABLE_PUSH && value > (isServer ? 1 : 0)) return 'SETTINGS_ENABLE_PUSH';
  if (id === SettingId.INITIAL_WINDOW_SIZE && value > 0x7fffffff) return 'SETTINGS_INITIAL_WINDOW_SIZE';
  if (id === SettingId.MAX_FRAME_SIZE && (value < 16_384 || value > 16_777_215)) return 'SETTINGS_MAX_FRAME_SIZE';
  return undefined;
}

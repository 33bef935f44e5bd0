/** Values RFC 9113 section 6.5.2 allows. Unknown settings are ignored there, and passed on here. */
import { u16At, u32At } from '../bytes/big-endian';
import { SETTINGS_ENABLE_PUSH, SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_FRAME_SIZE } from '../events';

const ENABLE_PUSH = 2;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;

/** The rule that one of `count` entries breaks, or 0. */
export function checkSettings(entries: usize, count: i32, isServer: bool): i32 {
  for (let i = 0; i < count; i++) {
    const fault = checkSetting(u16At(entries + i * 6), u32At(entries + i * 6 + 2), isServer);
    if (fault != 0) return fault;
  }
  return 0;
}

function checkSetting(id: i32, value: u32, isServer: bool): i32 {
  // A server must not send 1 either: only the side that would be pushed to may allow it.
  if (id == ENABLE_PUSH && value > (isServer ? <u32>1 : <u32>0)) return SETTINGS_ENABLE_PUSH;
  if (id == INITIAL_WINDOW_SIZE && value > 0x7fffffff) return SETTINGS_INITIAL_WINDOW_SIZE;
  if (id == MAX_FRAME_SIZE && (value < 16384 || value > 16777215)) return SETTINGS_MAX_FRAME_SIZE;
  return 0;
}

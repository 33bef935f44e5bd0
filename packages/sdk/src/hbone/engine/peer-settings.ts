/** What the peer announced (RFC 9113 section 6.5.2). Values outside the RFC's bounds never get past the codec. */
import { SettingId } from '@isthmus/codec-wasm';
import { INITIAL_WINDOW } from './flow-control.js';

/** The default of SETTINGS_HEADER_TABLE_SIZE. */
const HEADER_TABLE_BYTES = 4_096;

export interface PeerSettings {
  headerTableBytes: number;
  maxConcurrentStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
}

export function initialPeerSettings(): PeerSettings {
  return {
    headerTableBytes: HEADER_TABLE_BYTES,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowBytes: INITIAL_WINDOW,
    maxFrameBytes: 16_384,
  };
}

const FIELDS: ReadonlyMap<number, keyof PeerSettings> = new Map([
  [SettingId.HEADER_TABLE_SIZE, 'headerTableBytes'],
  [SettingId.MAX_CONCURRENT_STREAMS, 'maxConcurrentStreams'],
  [SettingId.INITIAL_WINDOW_SIZE, 'initialWindowBytes'],
  [SettingId.MAX_FRAME_SIZE, 'maxFrameBytes'],
]);

/** Unknown settings are ignored, as the RFC asks. */
export function applySetting(settings: PeerSettings, id: number, value: number): void {
  const field = FIELDS.get(id);
  if (field) settings[field] = value;
}

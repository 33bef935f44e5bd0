/** The proxy's settings as the HBONE engine names them; what has no setting keeps the engine's default. */
import type { HboneSettings } from '@isthmus/sdk/hbone';
import type { Settings } from '../config.js';

export function hboneSettings(settings: Settings): Partial<HboneSettings> {
  return {
    streamWindowBytes: settings.http2StreamWindow,
    connectionWindowBytes: settings.http2ConnectionWindow,
    maxFrameBytes: settings.http2FrameSize,
    maxStreamsPerConnection: settings.poolMaxStreams,
    poolIdleMs: settings.poolUnusedReleaseMs,
  };
}

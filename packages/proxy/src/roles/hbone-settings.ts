/** The proxy's settings as the SDK names them; what has no setting keeps the SDK's default. */
import type { HboneSettings } from '@isthmus/sdk/hbone';
import type { Settings } from '../config.js';

export function hboneSettings(settings: Settings): Partial<HboneSettings> {
  return {
    streamWindowBytes: settings.http2StreamWindow,
    connectionWindowBytes: settings.http2ConnectionWindow,
    maxFrameBytes: settings.http2FrameSize,
    maxStreamsPerConnection: settings.poolMaxStreams,
    poolIdleMs: settings.poolUnusedReleaseMs,
    keepAliveMs: keepAliveMs(settings),
  };
}

/** For every TCP connection: silence before the other end is probed, or 0. */
export function keepAliveMs({ keepAlive, keepAliveTimeMs }: Settings): number {
  return keepAlive ? keepAliveTimeMs : 0;
}

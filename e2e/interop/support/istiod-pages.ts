/** What an istiod tells about its proxies, on its monitoring port; it asks who wants to know, but not on loopback. */
import type { Stage } from './stage.js';
import { type ClusterId, CONTROL_PLANE, loopbackOf } from './world.js';

export interface Subscription {
  readonly typeUrl: string;
  /** The last response was acknowledged. */
  readonly acknowledged: boolean;
  /** What a proxy said was wrong with it. */
  readonly lastError?: string;
}

interface SyncStatus {
  /** `<pod>.<namespace>`. */
  readonly proxy: string;
  readonly proxy_type: string;
  readonly cluster_id: string;
  readonly resources?: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
}

export interface ConnectedProxy {
  readonly cluster: string;
  readonly type: string;
  readonly subscriptions: readonly Subscription[];
}

/** By `<pod>.<namespace>`, of those that are connected now. */
export async function proxiesAtIstiod(stage: Stage, cluster: ClusterId): Promise<ReadonlyMap<string, ConnectedProxy>> {
  const text = await stage.page('ours', loopbackOf(CONTROL_PLANE[cluster]), 15014, '/debug/syncz');
  const proxies = JSON.parse(text) as readonly SyncStatus[];
  return new Map(
    proxies.map(({ proxy, proxy_type: type, cluster_id, resources = {} }) => [
      proxy,
      {
        cluster: cluster_id,
        type,
        subscriptions: Object.entries(resources)
          .map(([typeUrl, { sent, acked, lastError }]) => ({
            typeUrl,
            acknowledged: sent !== undefined && sent === acked,
            ...(lastError && { lastError }),
          }))
          .sort((one, other) => one.typeUrl.localeCompare(other.typeUrl)),
      },
    ]),
  );
}

/** The pages for probes and for people, on their two listeners. */
import type { Scope } from '@isthmus/sdk/runtime';
import type { Explained } from './explain.js';
import { jsonPage, listenHttp, textPage } from './http.js';

export interface PagesInit {
  readonly readiness: { readonly host: string; readonly port: number };
  readonly monitoring: { readonly host: string; readonly port: number };
  /** Why it is not ready; undefined when it is. */
  readonly notReady: () => string | undefined;
  readonly metrics: () => Promise<string>;
  readonly status: () => object;
  readonly configDump: () => object;
  readonly syncz: () => object;
  readonly configz: () => object;
  readonly clusterz: () => object;
  readonly networkz: () => object;
  readonly scope: () => object;
  readonly explain: (query: URLSearchParams) => Explained;
}

/** Resolves with the ports. */
export async function listenPages(scope: Scope, init: PagesInit): Promise<{ readiness: number; monitoring: number }> {
  const ready = () => {
    const reason = init.notReady();
    return reason === undefined ? textPage('ready') : textPage(reason, 503);
  };
  const readiness = await listenHttp(scope, { setting: 'readiness', ...init.readiness }, { '/healthz/ready': ready });
  const monitoring = await listenHttp(
    scope,
    { setting: 'monitoring', ...init.monitoring },
    {
      '/healthz/ready': ready,
      '/metrics': async () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: await init.metrics(),
      }),
      '/debug/status': () => jsonPage(init.status()),
      '/debug/config_dump': () => jsonPage(init.configDump()),
      '/debug/syncz': () => jsonPage(init.syncz()),
      '/debug/configz': () => jsonPage(init.configz()),
      '/debug/clusterz': () => jsonPage(init.clusterz()),
      '/debug/networkz': () => jsonPage(init.networkz()),
      '/debug/scope': () => jsonPage(init.scope()),
      '/debug/explain': (query) => {
        const explained = init.explain(query);
        return explained.ok ? jsonPage(explained.explanation) : textPage(explained.reason, explained.status);
      },
    },
  );
  return { readiness, monitoring };
}

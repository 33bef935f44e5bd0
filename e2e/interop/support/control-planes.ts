/** What proxies of a stage have for control planes: two of ours, or whatever else is opened in their place. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Programs } from '@isthmus/tools/lab';
import { createCredentials, type TokenHolder } from './credentials.js';
import { manifestsOf, type Variation } from './manifests.js';
import type { Processes, Spec } from './processes.js';
import { BASE_ENV, CLUSTERS, type ClusterId, CONTROL_PLANE, NETWORK, type Side, TOKEN, TRUST_DOMAIN } from './world.js';

export interface Ground {
  readonly programs: Programs;
  /** Of this stage alone; goes with it. */
  readonly directory: string;
  readonly namespaces: Readonly<Record<Side, string>>;
  readonly processes: Processes;
  /** A file of /etc as programs in the namespace see it. */
  overlay(side: Side, file: string, text: string): void;
  /** A port of this machine's loopback that leads to that address in the namespace. */
  door(side: Side, host: string, port: number): Promise<{ readonly port: number }>;
}

/** What a proxy is started with to reach its control plane and prove who it is. */
export type Access = Pick<Spec, 'env' | 'directory'>;

export interface ControlPlanes {
  readonly specs: Readonly<Record<ClusterId, Spec>>;
  /** Answers 200 at the address of the control plane when it is ready. */
  readonly readiness: { readonly port: number; readonly path: string };
  /** Asked for when the control plane of the cluster is ready. */
  accessOf(holder: TokenHolder): Promise<Access>;
  /** Resolves when the control plane can see it. */
  apply(cluster: ClusterId, variation: Variation): Promise<void>;
  close(): Promise<void>;
}

export type OpenControlPlanes = (ground: Ground) => Promise<ControlPlanes>;

export async function openOurs({ programs, directory, namespaces }: Ground): Promise<ControlPlanes> {
  const credentials = await createCredentials(directory);
  const manifests = (cluster: ClusterId) => join(directory, `manifests-${cluster}`);
  const apply = async (cluster: ClusterId, variation: Variation) => {
    const file = join(manifests(cluster), 'all.yaml');
    const objects = manifestsOf(cluster, variation).map((object) => JSON.stringify(object));
    // In one step, so that nobody reads half of it. JSON is YAML.
    writeFileSync(`${file}.new`, objects.join('\n---\n'));
    renameSync(`${file}.new`, file);
  };
  const specOf = (cluster: ClusterId): Spec => {
    const host = CONTROL_PLANE[cluster];
    const file = join(directory, `${cluster}.yaml`);
    const configuration = {
      clusterId: cluster,
      trustDomain: TRUST_DOMAIN,
      sources: CLUSTERS.map((each) => ({ cluster: each, network: NETWORK[each], directory: manifests(each) })),
      ca: { directory: credentials.cacerts(cluster) },
      tokens: { ...TOKEN, keyFile: credentials.tokenKey(cluster) },
      listen: { host },
      readiness: { host },
      monitoring: { host },
      serverNames: [host],
    };
    writeFileSync(file, JSON.stringify(configuration));
    return {
      name: `${cluster}/control-plane`,
      namespace: namespaces.ours,
      command: [process.execPath, programs.controlPlane, 'serve', '--config', file],
      env: BASE_ENV,
    };
  };
  for (const cluster of CLUSTERS) {
    mkdirSync(manifests(cluster));
    await apply(cluster, {});
  }
  return {
    specs: { east: specOf('east'), west: specOf('west') },
    readiness: { port: 15021, path: '/healthz/ready' },
    async accessOf(holder) {
      const address = `https://${CONTROL_PLANE[holder.cluster]}:15012`;
      return {
        env: {
          XDS_ADDRESS: address,
          CA_ADDRESS: address,
          XDS_ROOT_CA: credentials.rootCertificate,
          CA_ROOT_CA: credentials.rootCertificate,
          AUTH_TOKEN: await credentials.token(holder),
        },
      };
    },
    apply,
    close: async () => {},
  };
}

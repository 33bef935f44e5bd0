/**
 * The lab's temporary directory: only its user can enter it, and it is removed at the end.
 *
 *   <cluster>/manifests/*.yaml   what the cluster's control plane reads; with --remote=directories the other's too
 *   <cluster>/control-plane.yaml its configuration
 *   <cluster>/cacerts/           intermediate CA of the cluster
 *   <cluster>/federation/        its peers
 *   <cluster>/tokens/<app>       service account tokens, and the key that signs them
 *   logs/                        one file per process, unless they are kept elsewhere
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { manifestsOf, toYaml } from './manifests.js';
import { LAB_PREFIX } from './names.js';
import { type Cluster, clustersOf, type Pod, type World } from './topology.js';

export interface LabFiles {
  readonly directory: string;
  readonly logs: string;
  /** The root both clusters share. */
  readonly rootCertificate: string;
  /** Directory of the root's key and certificate; only the commands that issue intermediates read it. */
  readonly rootDirectory: string;
  manifests(cluster: Pick<Cluster, 'id'>): string;
  cacerts(cluster: Pick<Cluster, 'id'>): string;
  /** Where the configuration of the cluster's control plane is. */
  configuration(cluster: Pick<Cluster, 'id'>): string;
  /** Peers of the cluster's control plane. */
  federation(cluster: Pick<Cluster, 'id'>): string;
  token(cluster: Pick<Cluster, 'id'>, pod: Pick<Pod, 'app'>): string;
  tokenKey(cluster: Pick<Cluster, 'id'>): string;
  remove(): void;
}

export function createFiles(world: World, keepLogs?: string): LabFiles {
  const directory = mkdtempSync(join(tmpdir(), LAB_PREFIX));
  const logs = keepLogs === undefined ? join(directory, 'logs') : resolve(keepLogs);
  const rootDirectory = join(directory, 'root');
  const files: LabFiles = {
    directory,
    logs,
    rootDirectory,
    rootCertificate: join(directory, 'root', 'root-cert.pem'),
    manifests: ({ id }) => join(directory, id, 'manifests'),
    cacerts: ({ id }) => join(directory, id, 'cacerts'),
    configuration: ({ id }) => join(directory, id, 'control-plane.yaml'),
    federation: ({ id }) => join(directory, id, 'federation'),
    tokenKey: ({ id }) => join(directory, id, 'tokens', 'signing-key.pem'),
    token: ({ id }, { app }) => join(directory, id, 'tokens', app),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  for (const cluster of clustersOf(world)) {
    mkdirSync(files.manifests(cluster), { recursive: true, mode: 0o700 });
    mkdirSync(join(directory, cluster.id, 'tokens'), { mode: 0o700 });
    for (const [name, manifests] of Object.entries(manifestsOf(cluster))) {
      writeFileSync(join(files.manifests(cluster), name), toYaml(manifests), { mode: 0o600 });
    }
  }
  return files;
}

/**
 * How to reach an API server: from inside its cluster, by a kubeconfig file of ours, or by a kubeconfig that came in a
 * Secret. Authentication and TLS are @kubernetes/client-node's, which is loaded only when there is an API to reach: it
 * costs some 70 MB.
 *
 * A kubeconfig that came in a Secret was written by whoever may write Secrets there. It may not run programs here, read
 * files here, or do without TLS (istiod refuses the same unless told otherwise).
 */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parseDocument } from 'yaml';
import { ApiFailure } from './failure.js';

export type Access =
  | { readonly kind: 'inCluster' /** With `token` and `ca.crt`. */; readonly directory: string }
  | { readonly kind: 'file'; readonly file: string; readonly context: string | undefined }
  | { readonly kind: 'secret'; readonly name: string; readonly text: string };

export interface Connection {
  /** `https://10.0.0.1:6443`. */
  readonly server: string;
  readonly options: RequestOptions;
}

export interface Connector {
  /** Where the credentials are, for messages. */
  readonly origin: string;
  /** Reads again what may have changed. Rejects with an ApiFailure. */
  connect(): Promise<Connection>;
  /** What is kept of the credentials was refused. */
  forget(): void;
}

const MAX_KUBECONFIG_BYTES = 1024 * 1024;

export function createConnector(access: Access): Connector {
  const origin = originOf(access);
  let known: { readonly text: string; readonly config: KubeConfig } | undefined;

  async function load(): Promise<KubeConfig> {
    const text = await textOf(access);
    // An unchanged file keeps its config, and with it the tokens that its plugins have fetched.
    if (known?.text !== text) known = { text, config: await readConfig(access, text) };
    return known.config;
  }

  return {
    origin,
    async connect() {
      try {
        return await connectionOf(await load());
      } catch (error) {
        const message = `${origin} cannot be used: ${(error as Error).message}`;
        throw error instanceof ApiFailure ? error : new ApiFailure('credentials', message);
      }
    },
    forget() {
      known = undefined;
    },
  };
}

function originOf(access: Access): string {
  if (access.kind === 'inCluster') return `the service account of this pod (${access.directory})`;
  if (access.kind === 'secret') return `the Secret ${access.name}`;
  return `the kubeconfig ${access.file}`;
}

async function textOf(access: Access): Promise<string> {
  if (access.kind === 'secret') return access.text;
  return access.kind === 'file' ? readFile(access.file, 'utf8') : '';
}

async function readConfig(access: Access, text: string): Promise<KubeConfig> {
  const client = await import('@kubernetes/client-node');
  const config = new client.KubeConfig();
  if (access.kind === 'inCluster') {
    const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env;
    if (!KUBERNETES_SERVICE_HOST || !KUBERNETES_SERVICE_PORT)
      throw new Error('KUBERNETES_SERVICE_HOST is not set, so this is no pod; set kubernetes.kubeconfig instead');
    const host = isIPv6(KUBERNETES_SERVICE_HOST) ? `[${KUBERNETES_SERVICE_HOST}]` : KUBERNETES_SERVICE_HOST;
    const tokenFile = join(access.directory, 'token');
    config.loadFromClusterAndUser(
      {
        name: 'in-cluster',
        server: `https://${host}:${KUBERNETES_SERVICE_PORT}`,
        caFile: join(access.directory, 'ca.crt'),
        skipTLSVerify: false,
      },
      { name: 'in-cluster', authProvider: { name: 'tokenFile', config: { tokenFile } } },
    );
    return config;
  }
  const value = parseKubeconfig(text);
  if (access.kind === 'secret') {
    const unsafe = findUnsafe(value);
    if (unsafe.length > 0) throw new Error(`it has ${unsafe.join(', ')}; put token and certificates into it as data`);
  }
  // What was looked at is what is loaded: JSON is YAML, and two parsers might not read one text alike.
  config.loadFromString(JSON.stringify(value));
  if (access.kind === 'file') resolveFiles(config, value, dirname(access.file));
  if (access.kind === 'file' && access.context !== undefined) config.setCurrentContext(access.context);
  return config;
}

/** The text has keys in it: a parser's message, which quotes the text, must not get into logs. */
function parseKubeconfig(text: string): KubeconfigShape {
  if (text.length > MAX_KUBECONFIG_BYTES) throw new Error(`it is longer than ${MAX_KUBECONFIG_BYTES} bytes`);
  const document = parseDocument(text, { prettyErrors: false, strict: true });
  const [error] = document.errors;
  if (error) throw new Error(`it is not valid YAML (${error.code} at offset ${error.pos[0]})`);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no kubeconfig');
  return value as KubeconfigShape;
}

/** As far as it is looked at here; any part may be missing or of another type. */
interface KubeconfigShape {
  readonly users?: unknown;
  readonly clusters?: unknown;
}

const UNSAFE_OF_USERS = ['exec', 'auth-provider', 'tokenFile', 'token-file', 'client-certificate', 'client-key'];
const UNSAFE_OF_CLUSTERS = ['certificate-authority', 'insecure-skip-tls-verify'];

/** What lets whoever wrote it run a program here, read a file here, or stand between us and the API. */
function findUnsafe({ users, clusters }: KubeconfigShape): readonly string[] {
  return [
    ...entriesOf(users, 'user').flatMap((user) => UNSAFE_OF_USERS.filter((key) => Boolean(user[key]))),
    ...entriesOf(clusters, 'cluster').flatMap((cluster) => UNSAFE_OF_CLUSTERS.filter((key) => Boolean(cluster[key]))),
  ].map((key) => `"${key}", which is refused in Secrets`);
}

function entriesOf(list: unknown, key: string): readonly Record<string, unknown>[] {
  if (!Array.isArray(list)) return [];
  return list.map((entry: unknown) => {
    const inner = (entry as Record<string, unknown> | null)?.[key];
    return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  });
}

/** Paths are relative to the file; and `tokenFile`, which kubectl knows, is passed over by the library. */
function resolveFiles(config: KubeConfig, { users }: KubeconfigShape, base: string): void {
  config.makePathsAbsolute(base);
  const tokenFiles = entriesOf(users, 'user').map(({ tokenFile }) => tokenFile);
  config.users = config.users.map((user, index) => {
    const file = tokenFiles[index];
    if (typeof file !== 'string') return user;
    const tokenFile = isAbsolute(file) ? file : join(base, file);
    return { ...user, authProvider: { name: 'tokenFile', config: { tokenFile } } };
  });
}

async function connectionOf(config: KubeConfig): Promise<Connection> {
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    const names = config.getContexts().map(({ name }) => name);
    const known = names.length > 0 ? `known are ${names.join(', ')}` : 'it has none';
    throw new Error(`its context ${config.getCurrentContext() || '(none is current)'} leads to no cluster; ${known}`);
  }
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value).trim()]);
  // A token file usually ends with a line feed, which no header may have.
  return { server: cluster.server, options: { ...options, headers: Object.fromEntries(headers) } };
}

/** An Envoy as a process of the lab: its certificate from the lab's CA, its configuration in a file, and what it says of itself. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueToken, readPrivateKey } from '@isthmus/control-plane';
import { createCaClient, createSigningRequest } from '@isthmus/sdk/identity';
import type { HostPort, Lab } from '@isthmus/tools/lab';
import { type LogLine, logLines } from '../../support/access-log.js';
import { until } from '../../support/wait.js';
import { bootstrap, type Configuration, type TlsFiles } from './envoy-parts.js';
import { type ClusterId, NAMESPACE, spiffe } from './envoy-world.js';

export interface Envoy {
  readonly name: string;
  /** Counters and gauges by their whole names. */
  stats(filter: RegExp): Promise<Readonly<Record<string, number>>>;
  /** POST of an admin page. */
  command(path: string): Promise<void>;
  /** Lines of that access log, oldest first. */
  lines(log: string): readonly LogLine[];
  stop(): Promise<void>;
}

const ADMIN_TIMEOUT_MS = 5_000;
const START_TIMEOUT_MS = 60_000;
// biome-ignore format: a table
const OPTIONS = [
  '--concurrency', '2',
  '--log-level', 'warn',
  '--disable-hot-restart',
  // GOAWAY at once when it drains; its listeners stay longer than any test.
  '--drain-strategy', 'immediate',
  '--drain-time-s', '600',
  // Of the access log; it is ten seconds else.
  '--file-flush-interval-msec', '50',
] as const;

export interface EnvoyInit {
  readonly program: string;
  /** `envoy/gateway`. */
  readonly name: string;
  readonly admin: HostPort;
  readonly configuration: Configuration;
}

export async function startEnvoy(lab: Lab, { program, name, admin, configuration }: EnvoyInit): Promise<Envoy> {
  const file = join(directoryOf(lab), `${name.replaceAll('/', '-')}.json`);
  writeFileSync(file, JSON.stringify(bootstrap(name, admin, configuration)), { mode: 0o600 });
  const args = ['-c', file, ...OPTIONS];
  const running = lab.processes.start({ name, program, args, env: {} });
  const page = async (path: string, method = 'GET') => {
    const signal = AbortSignal.timeout(ADMIN_TIMEOUT_MS);
    const response = await fetch(`http://${admin.host}:${admin.port}${path}`, { method, signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} of ${name}: ${response.status} ${text}`);
    return text;
  };
  const envoy: Envoy = {
    name,
    async stats(filter) {
      const query = `format=json&filter=${encodeURIComponent(filter.source)}`;
      const { stats } = JSON.parse(await page(`/stats?${query}`)) as { stats: readonly Stat[] };
      return Object.fromEntries(stats.flatMap((stat) => ('name' in stat ? [[stat.name, stat.value]] : [])));
    },
    command: async (path) => void (await page(path, 'POST')),
    lines: (log) => logLines(lab, name).filter((line) => line.log === log),
    stop: () => lab.processes.stop([name]),
  };
  const ready = async () => {
    const exit = running.exit();
    if (exit !== undefined) return `${name} ended with ${exit}: ${lab.log(name).slice(-2_000)}`;
    await page('/ready');
    return '';
  };
  const problem = await until(`${name} to be ready`, ready, START_TIMEOUT_MS);
  if (problem !== '') throw new Error(problem);
  return envoy;
}

/** Histograms come as one entry without a name. */
type Stat = { readonly name: string; readonly value: number } | { readonly histograms: object };

function directoryOf(lab: Lab): string {
  const directory = join(lab.files.directory, 'envoy');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

export interface Account {
  readonly cluster: ClusterId;
  readonly serviceAccount: string;
  readonly namespace?: string;
}

const TOKEN_LIFE_MS = 600_000;

/** As a gateway gets its own: with a token of its service account. */
export async function tlsFilesOf(
  lab: Lab,
  { cluster, serviceAccount, namespace = NAMESPACE }: Account,
): Promise<TlsFiles> {
  const { controlPlaneIp } = lab.world.clusters[cluster];
  const token = await issueToken({
    key: await readPrivateKey(lab.files.tokenKey({ id: cluster })),
    issuer: 'isthmus-lab',
    audience: 'istio-ca',
    namespace,
    serviceAccount,
    now: Date.now(),
    ttlMs: TOKEN_LIFE_MS,
  });
  const roots = readFileSync(lab.files.rootCertificate, 'utf8');
  const identity = spiffe(serviceAccount, namespace);
  const { csr, privateKey } = await createSigningRequest(identity);
  const ca = createCaClient({ address: `https://${controlPlaneIp}:15012`, roots, token, asks: 'own' });
  const chain = await ca.sign({ identity, csr }, AbortSignal.timeout(10_000));
  const at = (kind: string) => join(directoryOf(lab), `${cluster}-${namespace}-${serviceAccount}.${kind}.pem`);
  writeFileSync(at('chain'), chain.slice(0, -1).join(''));
  writeFileSync(at('key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { chain: at('chain'), key: at('key'), roots: lab.files.rootCertificate };
}

/** Our east-west gateway of that network. */
export function gatewayOf(lab: Lab, cluster: ClusterId) {
  const found = lab.world.clusters[cluster].gateways.find(({ role }) => role === 'east-west-gateway');
  if (!found) throw new Error(`the lab has no gateway in ${cluster}`);
  return found;
}

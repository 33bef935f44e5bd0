/**
 * Two pods on a network of IPv6 alone: a namespace each, a cable between them, a ztunnel of its own in each, and a control
 * plane beside the second. The first has an application that calls, the second one that answers whom it was called by.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNamespaces, findPrograms, plainClients } from '@isthmus/tools/lab';
import { type Credentials, createCredentials } from '../interop/support/credentials.js';
import { createProcesses, type Processes, type Spec } from '../interop/support/processes.js';
import { TOKEN, TRUST_DOMAIN } from '../interop/support/world.js';
import { logLines } from '../support/access-log.js';
import { START_TIMEOUT_MS, until } from '../support/wait.js';

export const CLIENT = { name: 'client', ip: 'fd00:15::a' } as const;
export const SERVER = { name: 'server', ip: 'fd00:15::b' } as const;
export type PodName = (typeof CLIENT | typeof SERVER)['name'];
const PODS = [CLIENT, SERVER];
const CONTROL_PLANE_IP = 'fd00:15::c';
export const VIP = 'fd00:96::10';
export const PORT = { service: 80, application: 8080 } as const;
const NETWORK = 'net-six';
/** The proxies', whose connections the rules leave alone. */
const PROXY_GROUP = 1337;

export interface Ipv6Stage {
  namespaceOf(pod: PodName): string;
  /** Resolves with the page; `asProxy` is not captured. Rejects with curl's complaint. */
  curl(pod: PodName, url: string, options?: { readonly asProxy: true }): Promise<string>;
  /** Both ztunnels anew, with that in their environments. */
  restartZtunnels(env: Readonly<Record<string, string>>): Promise<void>;
  /** Log lines of the pod's ztunnel since it was started. */
  lines(pod: PodName): ReturnType<typeof logLines>;
  close(): Promise<void>;
}

export async function openIpv6Stage(): Promise<Ipv6Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-ipv6-'));
  const processes = createProcesses(directory);
  const clients = plainClients(findPrograms());
  const namespaceOf = (pod: PodName) => `isthmus6-${process.pid}-${pod}`;
  const namespaces = createNamespaces(PODS.map(({ name }) => namespaceOf(name)));
  const close = async () => {
    await processes.stopAll();
    namespaces.remove();
    rmSync(directory, { recursive: true, force: true });
  };
  const seen: Record<PodName, number> = { client: 0, server: 0 };
  const stage: Ipv6Stage = {
    namespaceOf,
    close,
    curl: (pod, url, options) => clients.curl(namespaceOf(pod), url, options ? AS_PROXY : []),
    lines: (pod) => logLines(processes, ztunnelOf(pod)).slice(seen[pod]),
    async restartZtunnels(env) {
      await Promise.all(PODS.map(({ name }) => processes.stop(ztunnelOf(name))));
      for (const pod of PODS) {
        const spec = await ztunnelSpec(pod, namespaceOf(pod.name), credentials);
        processes.start({ ...spec, env: { ...spec.env, ...env } });
        // Written by the process before; the new one's come behind.
        seen[pod.name] = logLines(processes, ztunnelOf(pod.name)).length;
      }
      await Promise.all(PODS.map((pod) => ready(stage, processes, ztunnelOf(pod.name), pod)));
    },
  };
  let credentials: Credentials;
  try {
    const [client, server] = [namespaceOf('client'), namespaceOf('server')];
    namespaces.configure(client, [`link add mesh0 type veth peer name mesh0 netns ${server}`]);
    namespaces.configure(client, plugged([CLIENT.ip]));
    namespaces.configure(server, plugged([SERVER.ip, CONTROL_PLANE_IP]));
    // Nobody has the address of a service; what is not on its way to somebody is not captured either.
    namespaces.configure(client, [`route add ${VIP}/128 via ${SERVER.ip}`]);
    credentials = await createCredentials(directory);
    writeMesh(directory, credentials);
    startServers(processes, server, directory);
    return stage;
  } catch (error) {
    await close();
    throw error;
  }
}

const AS_PROXY = ['setpriv', '--regid', String(PROXY_GROUP), '--clear-groups'] as const;

/** Without waiting for duplicate address detection: there is nobody else on the cable. */
function plugged(addresses: readonly string[]): readonly string[] {
  return [...addresses.map((ip) => `address add ${ip}/64 dev mesh0 nodad`), 'link set mesh0 up'];
}

const ztunnelOf = (pod: PodName) => `${pod}/ztunnel`;

async function ready(stage: Ipv6Stage, processes: Processes, process: string, { name, ip }: (typeof PODS)[number]) {
  const isReady = async () => {
    const exit = processes.exitOf(process);
    if (exit !== undefined) return `${exit}; its log:\n${processes.log(process).slice(-2_000)}`;
    await stage.curl(name, `http://[${ip}]:15021/healthz/ready`, { asProxy: true });
    return '';
  };
  const failed = await until(`${process} to be ready`, isReady, START_TIMEOUT_MS);
  if (failed !== '') throw new Error(`${process} ended: ${failed}`);
}

function writeMesh(directory: string, credentials: Credentials): void {
  mkdirSync(join(directory, 'manifests'));
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'istio-system', labels: { 'topology.istio.io/network': NETWORK } },
    },
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'demo', labels: { 'istio.io/dataplane-mode': 'ambient' } },
    },
    ...PODS.map(podObject),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: SERVER.name, namespace: 'demo' },
      spec: {
        clusterIP: VIP,
        clusterIPs: [VIP],
        ipFamilies: ['IPv6'],
        selector: { app: SERVER.name },
        ports: [{ name: 'tcp', port: PORT.service, targetPort: PORT.application }],
      },
    },
  ];
  writeFileSync(join(directory, 'manifests', 'all.yaml'), objects.map((each) => JSON.stringify(each)).join('\n---\n'));
  const host = CONTROL_PLANE_IP;
  const configuration = {
    clusterId: 'east',
    trustDomain: TRUST_DOMAIN,
    sources: [{ cluster: 'east', network: NETWORK, directory: join(directory, 'manifests') }],
    ca: { directory: credentials.cacerts('east') },
    tokens: { ...TOKEN, keyFile: credentials.tokenKey('east') },
    listen: { host },
    readiness: { host },
    monitoring: { host },
    serverNames: [host],
  };
  writeFileSync(join(directory, 'east.yaml'), JSON.stringify(configuration));
}

function podObject({ name, ip }: (typeof PODS)[number]): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'demo',
      labels: { app: name },
      annotations: { 'ambient.istio.io/redirection': 'enabled' },
    },
    spec: { nodeName: `node-${name}`, serviceAccountName: name, containers: [{ name }] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

/** Answers every request with the address it came from. */
const APPLICATION = `require('node:http')
  .createServer((request, response) => response.end(request.socket.remoteAddress))
  .listen(${PORT.application}, '${SERVER.ip}')`;

function startServers(processes: Processes, namespace: string, directory: string): void {
  const env = { PATH: process.env.PATH ?? '' };
  const { controlPlane } = findPrograms();
  processes.start({
    name: 'control-plane',
    namespace,
    // What it sends is nobody's to capture.
    command: [...AS_PROXY, process.execPath, controlPlane, 'serve', '--config', join(directory, 'east.yaml')],
    env,
  });
  processes.start({ name: 'application', namespace, command: [process.execPath, '-e', APPLICATION], env });
}

async function ztunnelSpec(pod: (typeof PODS)[number], namespace: string, credentials: Credentials): Promise<Spec> {
  const { name, ip } = pod;
  const holder = { cluster: 'east', namespace: 'demo', serviceAccount: name, pod: name, node: `node-${name}` } as const;
  return {
    name: ztunnelOf(name),
    namespace,
    command: [...AS_PROXY, process.execPath, findPrograms().proxy, 'ztunnel'],
    env: {
      PATH: process.env.PATH ?? '',
      PROXY_MODE: 'dedicated',
      PROXY_WORKLOAD_INFO: `demo/${name}/${name}`,
      POD_NAME: name,
      POD_NAMESPACE: 'demo',
      INSTANCE_IP: ip,
      NETWORK,
      CLUSTER_ID: 'east',
      XDS_ADDRESS: `https://[${CONTROL_PLANE_IP}]:15012`,
      XDS_ROOT_CA: credentials.rootCertificate,
      AUTH_TOKEN: await credentials.token(holder),
      ADMIN_ADDRESS: '[::1]:15000',
      METRICS_ADDRESS: `[${ip}]:15020`,
      READINESS_ADDRESS: `[${ip}]:15021`,
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'debug',
      CONNECTION_TERMINATION_DEADLINE: '1s',
    },
  };
}

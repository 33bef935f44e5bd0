/** The lab with Envoys beside it: what is called, who calls, and the files both sides prove themselves with. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer, type Server as TcpServer } from 'node:net';
import { join as joinPath } from 'node:path';
import { connectBySocks5, type HostPort, type Lab, socks5Entry, startLab } from '@isthmus/tools/lab';
import { until } from '../../support/wait.js';
import type { Configuration } from './envoy-parts.js';
import { type Envoy, startEnvoy, tlsFilesOf } from './envoy-process.js';
import { servers } from './envoy-terminate.js';
import { echoOnce } from './envoy-traffic.js';
import { type Addresses, addressesOf, type ClusterId, ECHO, envoyManifests, SERVERS, spiffe } from './envoy-world.js';

/** Empty when the tests can run. */
export function missingForEnvoy(): readonly string[] {
  const program = process.env.ENVOY_BIN;
  if (program === undefined || program === '') return ['ENVOY_BIN, the path of an Envoy binary'];
  try {
    accessSync(program, constants.X_OK);
    return [];
  } catch {
    return [`an executable file at ENVOY_BIN=${program}`];
  }
}

/** What Envoys say of themselves, in the order Envoy's own filter writes it. */
export function envoyBaggage(name: string): string {
  return (
    `k8s.deployment.name=${name},service.name=${name},service.version=v1,k8s.namespace.name=shop,` +
    'k8s.cluster.name=east,cloud.region=r1,cloud.availability_zone=z1'
  );
}

export interface EnvoyStage {
  readonly lab: Lab;
  readonly addresses: Addresses;
  /** Starts one more; `host` is that of its admin page. */
  start(name: string, configuration: Configuration): Promise<Envoy>;
  /** Through the SOCKS5 entry of the storefront there. */
  connect(from: ClusterId, service: string, port?: number): Promise<Socket>;
  /** All Envoys that were started, also those that have ended. */
  envoys(): readonly Envoy[];
  close(): Promise<void>;
}

const FIRST_ADMIN_PORT = 9_901;

export async function openEnvoyStage(): Promise<EnvoyStage> {
  const program = process.env.ENVOY_BIN ?? '';
  const lab = await startLab({ logLevel: 'debug' });
  const addresses = addressesOf(lab.world);
  const echoes: TcpServer[] = [];
  const envoys: Envoy[] = [];
  const close = async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    await lab.close();
    for (const echo of echoes) echo.close();
  };
  try {
    for (const cluster of ['east', 'west'] as const) {
      writeFileSync(joinPath(lab.files.manifests({ id: cluster }), 'envoy.yaml'), envoyManifests(lab.world, cluster));
      for (const at of addresses.ours(cluster)) echoes.push(await listenEcho(at));
    }
    echoes.push(await listenEcho(addresses.application));
    return {
      lab,
      addresses,
      close,
      envoys: () => envoys,
      connect: (from, service, port = ECHO.port) =>
        connectBySocks5(socks5Entry(lab.world, from), { host: `${service}.shop`, port }),
      async start(name, configuration) {
        const admin = { host: addresses.admin, port: FIRST_ADMIN_PORT + envoys.length };
        const envoy = await startEnvoy(lab, { program, name, admin, configuration });
        envoys.push(envoy);
        return envoy;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What an echo answers with the reset of its connection. */
export const RESET = 'reset, please';

/** Sends back what it gets, end for end. */
async function listenEcho(at: HostPort): Promise<TcpServer> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (first: Buffer) => {
      if (String(first) === RESET) socket.resetAndDestroy();
    });
    socket.pipe(socket);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(at, resolve));
  return server;
}

/** The Envoys of `SERVERS`, in one process. */
export async function startServers({ lab, addresses, start }: EnvoyStage): Promise<Envoy> {
  const own = await tlsFilesOf(lab, { cluster: 'east', serviceAccount: 'envoy' });
  const other = await tlsFilesOf(lab, { cluster: 'east', serviceAccount: 'envoy-other' });
  const all = SERVERS.map((server) => ({
    ...server,
    ip: addresses.ip('east', server.host),
    tls: 'shows' in server ? other : own,
    clients: [spiffe('accepts' in server ? server.accepts : 'storefront')],
    baggage: envoyBaggage(server.name),
  }));
  return start('envoy/servers', servers(all, addresses.application));
}

/** Until the mesh knows the service and somebody answers there. */
export async function untilServed(stage: EnvoyStage, from: ClusterId, service: string): Promise<void> {
  await until(`${service} answers ${from}'s storefront`, async () => {
    await echoOnce(await stage.connect(from, service));
    return true;
  });
}

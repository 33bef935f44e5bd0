/** Control planes with federation, the commands that join them, and what one of them shows of the other. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createProgram } from '../../src/commands/program.js';
import type { PeerStatus } from '../../src/federation/index.js';
import { type ControlPlane, readSettings, startControlPlane } from '../../src/index.js';
import { captureLogs } from './logs.js';
import { AMBIENT, eastWestGateway, type Manifest, namespace } from './objects.js';
import { type PlaneInit, startPlane, type TestPlane } from './plane.js';

export interface PeerPlane extends TestPlane {
  /** Of its listener for peers. */
  readonly address: string;
  /** Runs `isthmus-control-plane peer …` with its configuration; rejects with what the command says. */
  peer(...args: readonly string[]): Promise<string>;
  /** Resolves when its status of that peer is as wanted; polls, because a status is a page that people look at. */
  sees(cluster: string, isWanted: (peer: PeerStatus | undefined) => boolean): Promise<PeerStatus | undefined>;
  /** Makes that one a peer of this, as if it had invited; it knows nothing of it. */
  adopt(other: PeerPlane, cluster: string, network: string): Promise<void>;
  /** Ends the process, so to speak; its files stay. What is logged after `start` is of the new one. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Another process over the same files, with a listener for peers of its own. */
  replica(): Promise<Replica>;
}

export interface Replica {
  readonly plane: ControlPlane;
  /** Runs `isthmus-control-plane peer invite`; who accepts comes to this replica. */
  invite(): Promise<string>;
  close(): Promise<void>;
}

export interface PeerPlaneInit extends Omit<PlaneInit, 'clusters' | 'config'> {
  readonly cluster: string;
  readonly network: string;
  readonly objects: readonly Manifest[];
  /** Further settings of `federation`, in YAML's flow style. */
  readonly federation?: string;
}

/** What every network has: its name, a namespace in the mesh, and a way in. */
export function networkObjects(network: string, gateway = `192.0.2.${network.at(-1)}`): readonly Manifest[] {
  return [
    namespace('istio-system', { 'topology.istio.io/network': network }),
    namespace('shop', AMBIENT),
    eastWestGateway(network, gateway),
  ];
}

const POLL_MS = 5;
/** For what hangs. */
const PATIENCE_MS = 20_000;

/**
 * A loopback address that no other process has, by its id; so a listener can be stopped and come back on its port, which on 127.0.0.1
 * somebody else may get meanwhile.
 */
const HOST = `127.${128 + (process.pid >> 16)}.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;
let nextPort = 20_000;

export async function startPeerPlane({
  cluster,
  network,
  objects,
  federation = '',
  ...rest
}: PeerPlaneInit): Promise<PeerPlane> {
  const port = nextPort++;
  const address = `${HOST}:${port}`;
  const test = await startPlane({
    ...rest,
    clusters: { [cluster]: { 'objects.yaml': objects } },
    networks: [network],
    config: `federation: {directory: federation, address: '${address}', listen: {host: ${HOST}, port: ${port}}, ${federation}}`,
  });
  let running = test.plane;
  let logged = test.logged;
  const configuration = join(test.directory, 'config.yaml');
  return {
    ...test,
    address,
    get plane() {
      return running;
    },
    logged: (matches) => logged(matches),
    async adopt({ address: elsewhere, rootPem: roots }, id, at) {
      const peer = { cluster: id, network: at, trustDomain: 'cluster.local', roots, address: elsewhere };
      await test.write('federation/peers', `${id}.json`, JSON.stringify(peer));
    },
    stop: () => running.close(),
    async start() {
      const read = readSettings(configuration, await readFile(configuration, 'utf8'));
      if (!read.ok) throw new Error(JSON.stringify(read.problems));
      const captured = captureLogs();
      logged = captured.logged;
      running = await startControlPlane(read.settings, { log: captured.log });
    },
    async replica() {
      const elsewhere = nextPort++;
      const text = (await readFile(configuration, 'utf8')).replaceAll(String(port), String(elsewhere));
      const file = join(test.directory, `replica-${elsewhere}.yaml`);
      await writeFile(file, text);
      const read = readSettings(file, text);
      if (!read.ok) throw new Error(JSON.stringify(read.problems));
      const plane = await startControlPlane(read.settings);
      return { plane, invite: () => runCommand(['peer', 'invite', '--config', file]), close: () => plane.close() };
    },
    async close() {
      await running.close();
      await test.close();
    },
    peer: (...args) => runCommand(['peer', ...args, '--config', configuration]),
    async sees(id, isWanted) {
      const deadline = performance.now() + PATIENCE_MS;
      for (;;) {
        const found = running.status().peers.find((peer) => peer.cluster === id);
        if (isWanted(found)) return found;
        if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(found)}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
  };
}

/** `invited` accepts what `host` invites with. */
export async function befriend(host: PeerPlane, invited: PeerPlane): Promise<string> {
  const invitation = await host.peer('invite');
  await invited.peer('add', invitation);
  return invitation;
}

async function runCommand(args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const program = createProgram('0', { out: (text) => lines.push(text), err: () => {} });
  await program.exitOverride().parseAsync([...args], { from: 'user' });
  return lines.join('\n');
}

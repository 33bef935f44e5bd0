/**
 * `peer`: joins two control planes by an invitation, lists peers, and ends it. A control plane that runs meanwhile
 * notices by itself.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@isthmus/sdk/runtime';
import { CACERTS, type ForeignBundle, mergeBundles, readRoots } from '../ca/index.js';
import type { Settings } from '../config.js';
import {
  acceptInvitation,
  createFederationState,
  createSavedImports,
  fingerprintsOf,
  formatInvitation,
  type Peer,
  parseInvitation,
  whyNotOfTrustDomain,
} from '../federation/index.js';
import { parseDuration } from '../schema/index.js';
import { CommandError, printJson, type Streams } from './output.js';
import { loadSettings } from './serve.js';

export interface PeerOptions {
  readonly config: string;
  readonly json?: boolean;
}

export interface InviteOptions extends PeerOptions {
  readonly ttl: string;
}

export async function invite(options: InviteOptions, streams: Streams): Promise<void> {
  const ttlMs = parseDuration(options.ttl);
  if (ttlMs === undefined) throw new CommandError(`--ttl: expected a duration such as 1h, found ${options.ttl}`);
  const { settings, state, address } = await open(options, streams);
  const now = Date.now();
  const fingerprints = fingerprintsOf(await ownRoots(settings));
  const { id, secret } = await state.invite(now, ttlMs);
  const invitation = formatInvitation({ cluster: settings.clusterId, address, fingerprints, id, secret });
  const expires = new Date(now + ttlMs).toISOString();
  if (options.json) return printJson(streams, { invitation, expires });
  streams.out(invitation);
  streams.err(`for one peer, until ${expires}; there: isthmus-control-plane peer add --config <file> <invitation>`);
}

export async function addPeer(text: string, options: PeerOptions, streams: Streams): Promise<void> {
  const { settings, state, address } = await open(options, streams);
  const { clusterId: cluster, trustDomain, sources } = settings;
  const network = sources.find((source) => source.cluster === cluster)?.network;
  if (network === undefined)
    throw new CommandError(
      `the source of cluster ${cluster} has no "network" in ${options.config}; peers are told of it`,
    );
  const roots = await ownRoots(settings);
  const own: Peer = { cluster, network, trustDomain, roots, address };
  const peer = await failingPlainly(async () => {
    const invitation = parseInvitation(text);
    if (sources.some((source) => source.cluster === invitation.cluster))
      throw new Error(`cluster ${invitation.cluster} is a source already; remove it from "sources" first`);
    const { peers } = await state.peers();
    if (peers.some((known) => known.cluster === invitation.cluster))
      throw new Error(`cluster ${invitation.cluster} is a peer already; "peer remove ${invitation.cluster}" first`);
    const bundles = mergeBundles({ trustDomain, roots }, [...peers, ...(await readBundles(settings))]);
    const found = await acceptInvitation(invitation, own, (peer) =>
      whyNotOfTrustDomain(peer, { trustDomain, bundles }),
    );
    await state.add(found);
    return found;
  });
  const { roots: _, ...shown } = peer;
  if (options.json) return printJson(streams, shown);
  streams.out(`cluster ${peer.cluster} (network ${peer.network}, trust domain ${peer.trustDomain}) is a peer`);
}

export async function listPeers(options: PeerOptions, streams: Streams): Promise<void> {
  const { state } = await open(options, streams);
  const { peers, problems } = await state.peers();
  const shown = peers.map(({ roots, anchors: _, ...peer }) => ({ ...peer, fingerprints: fingerprintsOf(roots) }));
  if (options.json) printJson(streams, { peers: shown, problems });
  else {
    for (const { cluster, network, trustDomain, address } of shown)
      streams.out([cluster, network, trustDomain, address].join('  '));
    for (const problem of problems) streams.err(problem);
  }
  if (problems.length > 0) throw new CommandError('');
}

export async function removePeer(cluster: string, options: PeerOptions, streams: Streams): Promise<void> {
  const { state } = await open(options, streams);
  if (!(await state.remove(cluster))) throw new CommandError(`cluster ${cluster} is no peer; "peer list" shows them`);
  // A control plane that runs does so too; one that does not must not find it when it starts.
  await createSavedImports(state.importsDirectory, silentLogger).remove(cluster);
  if (options.json) printJson(streams, { removed: cluster });
  else streams.out(`cluster ${cluster} is no peer any more; remove this cluster there too`);
}

async function open({ config, json }: PeerOptions, streams: Streams) {
  const settings = await loadSettings(config, json ? 'json' : 'text', streams);
  if (!settings.federation)
    throw new CommandError(`${config} has no "federation"; peers need federation.directory and .address`);
  const { directory, address } = settings.federation;
  return { settings, address, state: createFederationState(directory) };
}

function ownRoots({ ca }: Settings): Promise<string> {
  return failingPlainly(async () => readRoots(await readFile(join(ca.directory, CACERTS.roots), 'utf8')));
}

function readBundles({ trustBundles }: Settings): Promise<readonly ForeignBundle[]> {
  return Promise.all(
    trustBundles.map(async ({ trustDomain, file }) => ({
      trustDomain,
      roots: readRoots(await readFile(file, 'utf8')),
    })),
  );
}

async function failingPlainly<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

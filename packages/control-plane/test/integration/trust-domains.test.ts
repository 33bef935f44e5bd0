/**
 * Two clusters with a trust domain and a root of their own become peers, and their workloads meet over real mTLS, each with
 * what its own control plane tells it.
 */
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peeringService } from '../../src/federation/exchange.js';
import { call, dial, enrol, everybody, type Member } from '../support/members.js';
import { namespace } from '../support/objects.js';
import { befriend, type PeerPlane, startPeerPlane } from '../support/peers.js';

let scope: Scope;
let east: PeerPlane;
let west: PeerPlane;
let web: Member;
let reviews: Member;
beforeEach(async () => {
  scope = createScope();
  const objects = [namespace('shop')];
  east = await startPeerPlane({ cluster: 'east', network: 'network-1', objects, trustDomain: 'east.example' });
  west = await startPeerPlane({ cluster: 'west', network: 'network-2', objects, trustDomain: 'west.example' });
  web = await enrol(scope, east, { account: 'web', learns: 'by bundles', trustDomain: 'east.example' });
  reviews = await enrol(scope, west, { account: 'reviews', learns: 'by bundles', trustDomain: 'west.example' });
});
afterEach(async () => {
  await scope.close();
  await east.close();
  await west.close();
});

const both = ({ roots }: { readonly roots: readonly string[] }) => roots.length === 2;

describe('workloads of two trust domains', () => {
  it('do not trust each other before their clusters are peers, and do afterwards, both ways', async () => {
    const before = await call(web, reviews).catch((error: Error) => error.message);

    await befriend(east, west);
    await everybody([web, reviews], both);

    expect(before).toContain('does not lead to a root that we trust');
    await call(web, reviews);
    await call(reviews, web);
  });

  it('lose their connections when one cluster removes the other, and get no new ones', async () => {
    await befriend(east, west);
    await everybody([web, reviews], both);
    const connection = await dial(reviews, web);
    await connection.connect({ authority: 'open.example:80', headers: [] });

    await east.peer('remove', 'west');
    await connection.closed;
    await everybody([web], ({ roots }) => roots.length === 1);

    await expect(call(reviews, web)).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    await expect(call(web, reviews)).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    expect(web.refusals).not.toEqual([]);
  });

  it('never pass for one another: what the CA of one signs counts for no name of the other', async () => {
    await befriend(east, west);
    await everybody([web, reviews], both);
    const forged = await enrolForged();

    // Whoever dials it expects the name that it has.
    await expect(call(web, forged)).rejects.toMatchObject({
      code: 'TLS_FAILURE',
      message: expect.stringMatching(
        /says it is spiffe:\/\/west\.example\/.*not issued under the roots of trust domain west\.example, but under those of east\.example/,
      ),
    });
  });
});

describe('a cluster that says it is of the trust domain of a peer', () => {
  async function namesake(root?: string): Promise<PeerPlane> {
    const south = await startPeerPlane({
      cluster: 'south',
      network: 'network-3',
      objects: [namespace('shop')],
      trustDomain: 'west.example',
      ...(root !== undefined && { root }),
    });
    scope.own(() => south.close());
    return south;
  }

  it('and shows other roots is no peer, whoever invites: it would vouch for the workloads of the other', async () => {
    const south = await namesake();
    await befriend(east, west);

    const [invited, inviting] = [await refusalOf(befriend(east, south)), await refusalOf(befriend(south, east))];

    for (const refusal of [invited, inviting])
      expect(refusal).toMatch(/south says it is of trust domain west\.example.*shows roots that are not theirs/);
    expect(invited).toMatch(/this invitation is spent, ask for a new one then$/);
    expect(await east.peer('list')).not.toContain('south');
    expect(await south.peer('list')).toBe('');
  });

  it('and shares its roots is a peer as well', async () => {
    const south = await namesake(join(west.directory, 'root'));
    await befriend(east, west);

    await befriend(east, south);

    await east.sees('south', (peer) => peer?.state === 'live');
  });
});

it('who shows what is no root is no peer, and the others stay: all roots are put into one text for TLS', async () => {
  await befriend(east, west);
  const [prefix, body = ''] = (await east.peer('invite')).split('.');
  const invitation = JSON.parse(Buffer.from(body, 'base64url').toString()) as { id: string; secret: string };
  expect(prefix).toBe('isthmus-peer-1');

  const refusals = await Promise.all(
    ['', west.rootPem.slice(0, -60), `${west.rootPem}-----BEGIN CERTIFICATE-----\nMIIB`].map((roots) =>
      refusalOf(redeem(east.address, { ...invitation, peer: { ...SOUTH, roots } })),
    ),
  );

  for (const refusal of refusals) expect(refusal).toMatch(/peer\.roots expected PEM certificates of CAs/);
  expect(await east.peer('list')).not.toContain('south');
});

const SOUTH = { cluster: 'south', network: 'network-3', trustDomain: 'south.example', address: 'localhost:1' };

async function refusalOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: Error) => error.message,
  );
}

/** As a program would that is not ours: whatever it likes. */
function redeem(address: string, request: object): Promise<unknown> {
  const client = new Client(address, credentials.createSsl(null, null, null, { rejectUnauthorized: false }), {
    'grpc.ssl_target_name_override': 'isthmus-control-plane',
  });
  const { path } = peeringService.exchange;
  const bytes = (value: object) => Buffer.from(JSON.stringify(value));
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, bytes, String, request, (error, answer) => {
      client.close();
      if (error) reject(new Error(error.details));
      else resolve(answer);
    });
  });
}

/** The CA of east, gone bad, signs names of west: a control plane with a CA below its root says that it is west. */
async function enrolForged(): Promise<Member> {
  const rogue = await startPeerPlane({
    cluster: 'rogue',
    network: 'network-3',
    objects: [namespace('shop')],
    trustDomain: 'west.example',
    root: join(east.directory, 'root'),
  });
  scope.own(() => rogue.close());
  return enrol(scope, rogue, { account: 'reviews', learns: 'by certificates', trustDomain: 'west.example' });
}

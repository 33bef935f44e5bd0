/** A mesh client from its first breath to its last, against a real control plane of the test's. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMeshClient, type MeshClient, type MeshClientInit } from '../../src/index.js';
import { createScope, type Scope } from '../../src/runtime/index.js';
import { startControlPlane, type TestControlPlane } from '../support/control-plane.js';
import { createInbox, type Inbox } from '../support/inbox.js';
import { createServerCertificates } from '../support/server-certificates.js';
import { ADDRESS_URL, AUTHORIZATION_URL, workloadResource } from '../support/xds-resources.js';

const certificates = await createServerCertificates();
const workload = { namespace: 'shop', name: 'storefront', serviceAccount: 'storefront' };

let scope: Scope;
let server: TestControlPlane;
let init: MeshClientInit;
beforeEach(async () => {
  scope = createScope();
  server = await startControlPlane({ certificates });
  scope.own(() => server.stop());
  init = { workload, controlPlane: { address: server.address, roots: certificates.rootPem } };
});
afterEach(() => scope.close());

async function joined(): Promise<MeshClient> {
  const joining = createMeshClient(init);
  const stream = await server.streams.next();
  stream.send({
    typeUrl: ADDRESS_URL,
    nonce: '1',
    resources: [workloadResource({ uid: 'east//Pod/shop/storefront', ...workload })],
  });
  stream.send({ typeUrl: AUTHORIZATION_URL, nonce: '2' });
  const mesh = await joining;
  scope.own(() => mesh.close());
  return mesh;
}

/** An application that nobody in the mesh knows. */
async function startStranger(): Promise<{ readonly address: AddressInfo; readonly sockets: Inbox<Socket> }> {
  const sockets = createInbox<Socket>();
  const listener = createServer((socket) => {
    scope.own(() => void socket.destroy());
    sockets.put(socket);
  });
  scope.own(() => void listener.close());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return { address: listener.address() as AddressInfo, sockets };
}

describe('joining the mesh', () => {
  it('is given up before it begins when the signal has aborted already', async () => {
    const reason = new Error('not today');

    await expect(createMeshClient(init, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.streams.waiting).toBe(0);
  });

  it('is given up with the reason of the signal while the control plane has not told everything', async () => {
    const reason = new Error('waited long enough');
    const patience = new AbortController();
    const joining = createMeshClient(init, patience.signal);
    const stream = await server.streams.next();

    patience.abort(reason);

    await expect(joining).rejects.toBe(reason);
    await stream.cancelled;
  });
});

describe('leaving the mesh', () => {
  it('ends connections that no tunnel carries too, and makes no more', async () => {
    const mesh = await joined();
    const { address, sockets } = await startStranger();
    const { stream, mutualTls } = await mesh.connect({ host: address.address, port: address.port });
    const atStranger = await sockets.next();
    const ended = once(atStranger.resume(), 'close');

    await mesh.close();
    await ended;

    expect(mutualTls).toBe(false);
    expect(stream.destroyed).toBe(true);
    await expect(mesh.connect({ host: address.address, port: address.port })).rejects.toMatchObject({
      code: 'CLIENT_GONE',
    });
    expect(sockets.waiting).toBe(0);
  });
});

/** A Node program with no proxy beside it: `npm install @isthmus/sdk`, a token, and the mesh by name. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { issueToken, readPrivateKey } from '@isthmus/control-plane';
import { createMeshClient, type MeshClient } from '@isthmus/sdk';
import { type Lab, podOf, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: Lab;
let mesh: MeshClient;

beforeAll(async () => {
  lab = await startLab();
  const { east } = lab.world.clusters;
  const storefront = podOf(lab.world, 'east', 'storefront');
  const token = await issueToken({
    key: await readPrivateKey(lab.files.tokenKey(east)),
    issuer: 'isthmus-lab',
    audience: 'istio-ca',
    namespace: storefront.namespace,
    serviceAccount: storefront.serviceAccount,
    now: Date.now(),
    ttlMs: 600_000,
  });
  mesh = await createMeshClient({
    workload: storefront,
    controlPlane: {
      address: `https://${east.controlPlaneIp}:15012`,
      roots: readFileSync(lab.files.rootCertificate, 'utf8'),
      token,
      clusterId: east.id,
    },
    clusterId: east.id,
    network: east.network,
  });
});

afterAll(async () => {
  await mesh?.close();
  await lab?.close();
});

async function get(host: string, port: number): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path: '/reviews/7', createConnection: mesh.createConnection }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
    });
    sent.on('error', reject).end();
  });
}

describe('a program that is a member of the mesh by itself', () => {
  it('calls an HTTP service by its short name through its waypoint', async () => {
    const { status, body } = await get('reviews', 9080);

    expect(status).toBe(200);
    expect(body).toContain('"cluster"');
  });

  it('calls a TCP service of another network and knows who serves there', async () => {
    const { stream, peer, mutualTls } = await mesh.connect({ host: 'ledger', port: 9400 });
    stream.destroy();

    expect(mutualTls).toBe(true);
    expect(peer).toMatchObject({
      principal: 'spiffe://cluster.local/ns/shop/sa/ledger',
      cluster: 'west',
      namespace: 'shop',
      workload: 'ledger-v1',
    });
  });

  it('is told why a service that is not exported cannot be reached', async () => {
    await expect(mesh.connect({ host: 'audit', port: 9500 })).rejects.toMatchObject({ code: 'UNKNOWN_DESTINATION' });
  });

  it('explains a connection without making it', () => {
    const plan = mesh.explain({ host: 'ledger', port: 9400 });

    expect(plan).toMatchObject({ kind: 'nested', authority: 'ledger.shop.svc.cluster.local:9400' });
    expect(plan.candidates).toContainEqual(expect.objectContaining({ verdict: 'taken' }));
  });
});

/** Serves nobody; resolves when somebody has come back so often that a pause between two attempts is behind it. */
async function absentControlPlane(): Promise<{ server: Server; port: number; triedAgain: Promise<string> }> {
  const server = createServer();
  const triedAgain = new Promise<string>((resolve) => {
    let attempts = 0;
    server.on('connection', (socket) => {
      socket.on('error', () => {}).destroy();
      attempts += 1;
      if (attempts === 6) resolve('tried again');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, port: (server.address() as AddressInfo).port, triedAgain };
}

describe('a program that does nothing but wait for the mesh', () => {
  it('lives until its control plane is there', async () => {
    const { server, port, triedAgain } = await absentControlPlane();
    const controlPlane = {
      address: `https://127.0.0.1:${port}`,
      roots: readFileSync(lab.files.rootCertificate, 'utf8'),
      clusterId: 'east',
    };
    const init = { workload: podOf(lab.world, 'east', 'storefront'), controlPlane };
    const source = `import { createMeshClient } from '@isthmus/sdk'; await createMeshClient(${JSON.stringify(init)});`;
    const program = spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: 'inherit' });

    const ended = once(program, 'exit').then(([code]) => `ended with code ${code}`);
    const outcome = await Promise.race([triedAgain, ended]);
    program.kill();
    server.close();

    expect(outcome).toBe('tried again');
  });
});

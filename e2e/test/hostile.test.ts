import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { type Lab, linesBySocks5, podOf, serviceAddress, socks5Entry, startLab } from '@isthmus/tools/lab';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { identityOf, type PemIdentity } from '../support/identity.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HBONE_PORT = 15008;

let lab: Lab;
/** A workload of east: in the mesh, and up to no good. */
let insider: PemIdentity;
let outsider: PemIdentity;
let pids: readonly number[];
const sockets: Socket[] = [];

beforeAll(async () => {
  lab = await startLab();
  insider = await identityOf(lab, 'east', 'storefront');
  outsider = await (await createTestAuthority()).issuePem('spiffe://cluster.local/ns/shop/sa/storefront');
  pids = lab.processes.list().map(({ pid }) => pid);
});

afterAll(async () => {
  await lab?.close();
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** The three kinds of proxy that listen for HBONE. */
const TARGETS = {
  ztunnel: () => podOf(lab.world, 'west', 'ledger').ip,
  waypoint: () => lab.world.clusters.west.gateways.find(({ role }) => role === 'waypoint')!.ip,
  'east-west gateway': () => lab.world.clusters.west.gateways.find(({ role }) => role === 'east-west-gateway')!.ip,
};
const NAMES = Object.keys(TARGETS) as (keyof typeof TARGETS)[];

function keep<T extends Socket>(socket: T): T {
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

function tls(host: string, identity: PemIdentity, alpn: string): TLSSocket {
  const { key, cert } = identity;
  // The attacker does not care who answers.
  return keep(connectTls({ host, port: HBONE_PORT, key, cert, ALPNProtocols: [alpn], rejectUnauthorized: false }));
}

async function expectTheMeshIsWell(): Promise<void> {
  const answer = await linesBySocks5(socks5Entry(lab.world, 'east'), serviceAddress('ledger'), 'ADD still here');

  expect(answer).toMatch(/^OK /);
  expect(lab.processes.list().map(({ pid }) => pid)).toEqual(pids);
  expect(lab.processes.list().map((each) => each.exit())).toEqual(pids.map(() => undefined));
}

describe.each(NAMES)('on port 15008 of the %s', (name) => {
  it('bytes that are not TLS cost their connection only', async () => {
    const socket = keep(connectTcp({ host: TARGETS[name](), port: HBONE_PORT }));
    const closed = closing(socket);

    socket.write(Buffer.alloc(64 * 1024, 0xa5));
    await closed;

    await expectTheMeshIsWell();
  });

  it('a certificate of another authority gets a GOAWAY and nothing else', async () => {
    const socket = tls(TARGETS[name](), outsider, 'h2');
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    const closed = closing(socket);

    socket.on('secureConnect', () => socket.write(PREFACE));
    await closed;

    expect(frameTypes(Buffer.concat(received)).filter((type) => type !== SETTINGS && type !== GOAWAY)).toEqual([]);
    await expectTheMeshIsWell();
  });

  it('another protocol than h2 is refused in the handshake', async () => {
    const socket = tls(TARGETS[name](), insider, 'http/1.1');
    const failed = new Promise<Error>((resolve) => socket.once('error', resolve));

    expect((await failed).message).toContain('no application protocol');
    await expectTheMeshIsWell();
  });

  it('half a frame that never ends holds up nobody', async () => {
    const socket = tls(TARGETS[name](), insider, 'h2');
    await once(socket, 'secureConnect');

    socket.write(PREFACE);
    // The head of a HEADERS frame of 100 bytes on stream 1, and 3 of them.
    socket.write(Uint8Array.of(0, 0, 100, 1, 4, 0, 0, 0, 1, 0x82, 0x84, 0x86));

    await expectTheMeshIsWell();
  });

  it('a frame that breaks the rules ends its connection with GOAWAY', async () => {
    const socket = tls(TARGETS[name](), insider, 'h2');
    await once(socket, 'secureConnect');
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    const closed = closing(socket);

    // SETTINGS on a stream (RFC 9113 section 6.5).
    socket.write(PREFACE);
    socket.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 1));
    await closed;

    expect(frameTypes(Buffer.concat(received))).toContain(GOAWAY);
    await expectTheMeshIsWell();
  });

  it.each([
    ['no port', { ':authority': 'ledger.shop.svc.cluster.local' }],
    ['an address of somebody else', { ':authority': '10.9.8.7:80' }],
    ['a service that is not known', { ':authority': 'nowhere.shop.svc.cluster.local:80' }],
  ])('a CONNECT to %s is answered with an error', async (_, headers) => {
    const status = await connectStatus(TARGETS[name](), headers);

    expect(status).toBeGreaterThanOrEqual(400);
    await expectTheMeshIsWell();
  });
});

describe('a workload of east that talks to the gateway of west itself', () => {
  it('may reach what is exported', async () => {
    const headers = { ':authority': 'ledger.shop.svc.cluster.local:9400' };

    expect(await connectStatus(TARGETS['east-west gateway'](), headers)).toBe(200);
  });

  it('may not reach what is not', async () => {
    const headers = { ':authority': 'audit.shop.svc.cluster.local:9500' };

    expect(await connectStatus(TARGETS['east-west gateway'](), headers)).toBe(404);
  });

  it.each(['=', '%', 'k8s.cluster.name=%zz,,;;', 'x'.repeat(4_000)])(
    'with baggage %j is no worse off',
    async (baggage) => {
      const headers = { ':authority': 'ledger.shop.svc.cluster.local:9400', baggage };

      expect(await connectStatus(TARGETS['east-west gateway'](), headers)).toBe(200);
      await expectTheMeshIsWell();
    },
  );
});

const SETTINGS = 4;
const GOAWAY = 7;

/** Unlike `once`, an error on the way does not count. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function frameTypes(bytes: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) types.push(bytes[at + 3]!);
  return types;
}

/** The status a CONNECT of the insider is answered with. */
async function connectStatus(host: string, headers: Record<string, string>): Promise<number> {
  const socket = tls(host, insider, 'h2');
  const session = connectHttp2(`https://${host}:${HBONE_PORT}`, { createConnection: () => socket });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({ ':method': 'CONNECT', ...headers });
      stream.on('error', reject);
      stream.on('response', (answer) => resolve(Number(answer[':status'])));
    });
  } finally {
    session.destroy();
  }
}

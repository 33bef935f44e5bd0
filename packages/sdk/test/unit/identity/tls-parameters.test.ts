/** What our side of a handshake offers, read from the ClientHello on the wire. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { connect as connectTls, createSecureContext, createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createScope, type Scope } from '../../../src/runtime/index.js';
import { createTestAuthority } from '../../../src/testing.js';
import { WEB } from '../../support/hbone-fixture.js';

const EXTENSION = { supportedGroups: 10, supportedVersions: 43 };
/** Code points of IANA's registry. */
const GROUP = { P256: 0x0017, P384: 0x0018, X25519: 0x001d, X25519MLKEM768: 0x11ec };
const TLS13 = 0x0304;

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

/** The extensions of the ClientHello that a connection with our parameters begins with. */
async function clientHello(): Promise<ReadonlyMap<number, readonly number[]>> {
  const { secureContext } = await (await createTestAuthority()).issue(WEB);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const transport = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const tls = connectTls({ socket: transport, secureContext }).on('error', () => {});
  const [accepted] = await once(server, 'connection');
  scope.own(() => {
    tls.destroy();
    accepted.destroy();
    server.close();
  });
  let bytes = Buffer.alloc(0);
  // Record header: type, version, length.
  while (bytes.length < 5 || bytes.length < 5 + bytes.readUInt16BE(3)) {
    const [chunk] = await once(accepted, 'data');
    bytes = Buffer.concat([bytes, chunk]);
  }
  return extensionsOf(bytes);
}

/** Lists of 16-bit numbers by extension; the length before each list is one byte or two. */
function extensionsOf(record: Buffer): ReadonlyMap<number, readonly number[]> {
  // Record header 5, handshake header 4, version 2, random 32.
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at);
  const end = at + 2 + record.readUInt16BE(at);
  const lists = new Map<number, readonly number[]>();
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) {
    const type = record.readUInt16BE(at);
    const body = record.subarray(at + 4, at + 4 + record.readUInt16BE(at + 2));
    const list = body.subarray(type === EXTENSION.supportedVersions ? 1 : 2);
    lists.set(
      type,
      Array.from({ length: list.length >> 1 }, (_, index) => list.readUInt16BE(index * 2)),
    );
  }
  return lists;
}

function opensslHas(group: string): boolean {
  try {
    createSecureContext({ ecdhCurve: group });
    return true;
  } catch {
    return false;
  }
}

describe('a handshake of ours', () => {
  it('offers TLS 1.3 and nothing older', async () => {
    const hello = await clientHello();

    expect(hello.get(EXTENSION.supportedVersions)).toEqual([TLS13]);
  });

  it("offers the hybrid post-quantum group first when this Node's OpenSSL has it (3.5 and later), then ztunnel's", async () => {
    const isNew = Number(process.versions.openssl.split('.').slice(0, 2).join('.')) >= 3.5;
    const hello = await clientHello();

    const classic = [GROUP.X25519, GROUP.P256, GROUP.P384];
    expect(opensslHas('X25519MLKEM768')).toBe(isNew);
    expect(hello.get(EXTENSION.supportedGroups)).toEqual(isNew ? [GROUP.X25519MLKEM768, ...classic] : classic);
  });

  it('is refused by a server that speaks TLS 1.2 only', async () => {
    const authority = await createTestAuthority();
    const server = createTlsServer({ ...(await authority.issuePem(WEB)), maxVersion: 'TLSv1.2' });
    server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.own(() => void server.close());
    const { secureContext } = await authority.issue(WEB);

    const tls = connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', secureContext });
    const [error] = await once(tls, 'error');

    expect(error).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  });
});

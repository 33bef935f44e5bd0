/** Revoked certificates: refused from then on, and connections that they opened closed, on both sides. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Revocations, watchRevocationFile } from '../../../src/identity/index.js';
import { createVirtualClock, type VirtualClock } from '../../../src/testing.js';
import { until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import { createGatewayWorld } from '../../support/gateway-world.js';
import { createHboneFixture, echo, type HboneFixture } from '../../support/hbone-fixture.js';

const CONNECT = { authority: '10.0.0.1:80', headers: [] };

let fixture: HboneFixture;
let fileClock: VirtualClock;
let path: string;
let revocations: Revocations;
beforeEach(async () => {
  fixture = await createHboneFixture();
  fileClock = createVirtualClock();
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-crl-'));
  fixture.scope.own(() => rm(folder, { recursive: true }));
  path = join(folder, 'ca-crl.pem');
  await writeFile(path, await fixture.authority.revoke([]));
  revocations = watchRevocationFile(fixture.scope, { path, clock: fileClock });
  await until(() => fileClock.pending > 0);
});
afterEach(() => fixture.close());

async function revoke(...serialNumbers: string[]): Promise<void> {
  await writeFile(path, await fixture.authority.revoke(serialNumbers));
  fileClock.advance(2_000);
}

describe('the server', () => {
  it('closes the connections of a client whose certificate is revoked, and of nobody else', async () => {
    const { server, address } = await fixture.serve(echo, { revocations });
    const pool = fixture.pool();
    const revoked = collect((await pool.connect(fixture.hop(address), CONNECT)).stream);
    const other = await pool.connect(fixture.hop(address, { source: fixture.gateway }), CONNECT);
    const sink = collect(other.stream);

    await revoke(fixture.web.serialNumber);
    await until(() => revoked.end !== undefined);
    other.stream.write(Buffer.from('still here'));
    await until(() => sink.text() === 'still here');

    expect(revoked.end).toMatchObject({ kind: 'lost' });
    expect(server.connections).toBe(1);
  });

  it('tells the stream of the revoked client why it ended', async () => {
    let end: unknown;
    const { address } = await fixture.serve(
      (incoming) => {
        incoming.accept().handlers = {
          onData() {},
          onEnd() {},
          onDrain() {},
          onClose: (how) => {
            end = how;
          },
        };
      },
      { revocations },
    );
    await fixture.pool().connect(fixture.hop(address), CONNECT);

    await revoke(fixture.web.serialNumber);
    await until(() => end !== undefined);

    expect(end).toMatchObject({ kind: 'lost', error: { code: 'CERT_REVOKED' } });
  });

  it('refuses the revoked client from then on, a resumed session included', async () => {
    const { address, earlyErrors } = await fixture.serve(echo, { revocations });
    const pool = fixture.pool();
    const sink = collect((await pool.connect(fixture.hop(address), CONNECT)).stream);

    await revoke(fixture.web.serialNumber);
    await until(() => sink.end !== undefined);
    const again = pool.connect(fixture.hop(address), CONNECT);

    await expect(again).rejects.toMatchObject({ code: 'TLS_FAILURE' });
    expect(earlyErrors.map(({ fault }) => fault.code)).toEqual(['CERT_REVOKED']);
  });
});

describe('the client', () => {
  it('closes its connections with a peer whose certificate is revoked, and opens none', async () => {
    const { server, address } = await fixture.serve(echo);
    const pool = fixture.pool({}, { revocations });
    const sink = collect((await pool.connect(fixture.hop(address), CONNECT)).stream);

    await revoke(fixture.reviews.serialNumber);
    await until(() => sink.end !== undefined);
    const again = pool.connect(fixture.hop(address), CONNECT);

    expect(sink.end).toMatchObject({ kind: 'lost', error: { code: 'CERT_REVOKED' } });
    await expect(again).rejects.toMatchObject({ code: 'CERT_REVOKED' });
    await until(() => server.connections === 0);
    expect(pool.size).toBe(0);
  });

  it('closes the inner connection alone when it is the backend that is revoked, and all when it is the gateway', async () => {
    const world = await createGatewayWorld(fixture, () => 0);
    await world.addBackend();
    const pool = world.pool({ revocations });
    const inner = collect((await world.nested(pool)).stream);

    await revoke(fixture.reviews.serialNumber);
    await until(() => inner.end !== undefined);
    await until(() => pool.innerSize === 0);
    const sizes = [pool.size];
    await revoke(fixture.reviews.serialNumber, fixture.gateway.serialNumber);
    await until(() => pool.size === 0);

    expect(inner.end).toMatchObject({ kind: 'lost', error: { code: 'CERT_REVOKED' } });
    expect(sizes).toEqual([1]);
  });
});

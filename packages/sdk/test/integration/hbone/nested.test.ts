/** HBONE inside HBONE: what each party sees, how it ends, and which layer is to blame when it fails. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  connectNested,
  ErrorCode,
  type HbonePool,
  type IncomingConnect,
  type PooledNestedInit,
  pump,
} from '../../../src/hbone/index.js';
import { until } from '../../support/deferred.js';
import { collect } from '../../support/engine-pair.js';
import {
  createHboneFixture,
  echo,
  GATEWAY,
  type HboneFixture,
  REVIEWS,
  type RunningServer,
  WEB,
} from '../../support/hbone-fixture.js';

const AUTHORITY = 'reviews.shop.svc.cluster.local:9080';

let fixture: HboneFixture;
let pool: HbonePool;
let backend: RunningServer;
let gateway: RunningServer;
let atBackend: IncomingConnect[];
let atGateway: IncomingConnect[];

beforeEach(async () => {
  fixture = await createHboneFixture();
  pool = fixture.pool();
  atBackend = [];
  atGateway = [];
  backend = await fixture.serve((incoming) => {
    atBackend.push(incoming);
    echo(incoming);
  });
  gateway = await fixture.serve(
    (incoming) => {
      atGateway.push(incoming);
      const { host, port } = backend.address;
      const onward = connect({ host, port, allowHalfOpen: true }).on('error', () => incoming.refuse(503));
      onward.once('connect', () => void pump(incoming.accept(), onward));
    },
    { certificate: () => fixture.gateway },
  );
});
afterEach(() => fixture.close());

function nested(overrides: Partial<PooledNestedInit> = {}) {
  return pool.connectNested({
    outerHop: fixture.hop(gateway.address, { expected: [GATEWAY] }),
    innerExpected: [REVIEWS],
    certificate: fixture.web,
    authority: AUTHORITY,
    backends: 1,
    outerHeaders: [['x-istio-source', 'waypoint']],
    innerHeaders: [
      ['baggage', 'k8s.cluster.name=east'],
      ['x-forwarded-network', 'network-1'],
    ],
    ...overrides,
  });
}

describe('a nested tunnel', () => {
  // hbone §10.client.3, hbone §10.client.4
  it('shows the gateway the authority alone, and the backend who calls and from where', async () => {
    const tunnel = await nested();

    const [outer] = atGateway;
    const [inner] = atBackend;
    expect(outer).toMatchObject({ authority: AUTHORITY, connection: { peerIdentity: WEB } });
    expect([outer?.headers.get('baggage'), outer?.headers.get('x-istio-source')]).toEqual([undefined, 'waypoint']);
    expect(inner).toMatchObject({ authority: AUTHORITY, connection: { peerIdentity: WEB } });
    expect([inner?.headers.get('baggage'), inner?.headers.get('x-forwarded-network')]).toEqual([
      'k8s.cluster.name=east',
      'network-1',
    ]);
    expect(tunnel.peerIdentity).toBe(REVIEWS);
  });

  it('shares the outer connection and the inner one', async () => {
    await Promise.all([nested(), nested(), nested()]);

    expect(gateway.server.connections).toBe(1);
    expect(backend.server.connections).toBe(1);
    expect([pool.size, pool.innerSize]).toEqual([1, 1]);
  });

  it('leaves its connections for the next when it ends', async () => {
    const tunnel = await nested();
    const sink = collect(tunnel.stream);

    tunnel.stream.write(Buffer.from('once'));
    tunnel.stream.end();
    await until(() => sink.end !== undefined);
    await until(() => backend.server.activeStreams === 0);

    expect(sink.text()).toBe('once');
    expect([gateway.server.activeStreams, backend.server.connections]).toEqual([1, 1]);
  });

  it('cancelled by its user ends in the same way', async () => {
    const tunnel = await nested();

    tunnel.stream.reset(ErrorCode.CANCEL);
    await until(() => backend.server.activeStreams === 0);

    expect([gateway.server.activeStreams, backend.server.connections]).toEqual([1, 1]);
  });

  it('of a caller without a pool of inner connections takes its own with it', async () => {
    const { stream } = await connectNested(pool, {
      outerHop: fixture.hop(gateway.address, { expected: [GATEWAY] }),
      innerExpected: [REVIEWS],
      certificate: fixture.web,
      authority: AUTHORITY,
      outerHeaders: [],
      innerHeaders: [],
    });

    stream.end();
    await until(() => gateway.server.activeStreams === 0 && backend.server.connections === 0);

    expect(pool.innerSize).toBe(0);
  });

  it('is lost when the gateway goes away', async () => {
    const tunnel = await nested();
    const sink = collect(tunnel.stream);

    await gateway.server.close();
    await until(() => sink.end !== undefined);

    expect(sink.end).toMatchObject({ kind: 'lost' });
    await until(() => backend.server.connections === 0);
  });

  it('carries an HTTP/1.1 exchange over its Duplex face', async () => {
    const tunnel = await nested();
    const duplex = tunnel.duplex();

    duplex.end('GET / HTTP/1.1\r\nhost: reviews\r\n\r\n');
    const received: Buffer[] = [];
    duplex.on('data', (chunk) => received.push(chunk));
    await once(duplex, 'close');

    expect(Buffer.concat(received).toString()).toBe('GET / HTTP/1.1\r\nhost: reviews\r\n\r\n');
  });
});

describe('the fault of a nested tunnel names the layer and the hop', () => {
  const outer = () => `outer hop to gateway 127.0.0.1:${gateway.address.port}`;
  const inner = () => `inner hop to ${AUTHORITY} through gateway 127.0.0.1:${gateway.address.port}`;

  it('when the gateway proves another identity', async () => {
    const outerHop = fixture.hop(gateway.address, { expected: [REVIEWS] });

    await expect(nested({ outerHop })).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: expect.stringContaining(outer()),
    });
  });

  // hbone §10.client.7
  it('when the gateway cannot reach a backend', async () => {
    await backend.server.close();

    await expect(nested()).rejects.toMatchObject({ code: 'TUNNEL_REFUSED', message: expect.stringContaining(outer()) });
  });

  it('when the gateway is not there', async () => {
    await gateway.server.close();

    await expect(nested()).rejects.toMatchObject({ code: 'CONNECT_FAILED', message: expect.stringContaining(outer()) });
  });

  // hbone §10.fact.1
  it('when the backend proves another identity: the expected ones are those of the service alone', async () => {
    await expect(nested({ innerExpected: [GATEWAY] })).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: expect.stringContaining(inner()),
    });
    await until(() => gateway.server.activeStreams === 0);
    expect(atBackend).toEqual([]);
  });

  it('when a policy at the backend says no', async () => {
    const denying = await fixture.serve((incoming) => incoming.refuse(401));
    backend = denying;

    await expect(nested()).rejects.toMatchObject({ code: 'POLICY_DENY', message: expect.stringContaining(inner()) });
  });

  it('and none when the user left', async () => {
    const controller = new AbortController();
    const opening = nested({ signal: controller.signal });
    controller.abort(new Error('the user left'));

    await expect(opening).rejects.toThrow(/^the user left$/);
  });
});

/** HTTP requests through the waypoint role among real neighbours: HBONE, mTLS, real applications, two networks. */
import { createHash, randomBytes } from 'node:crypto';
import { Agent, type IncomingMessage, type RequestOptions, request as sendRequest } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import * as grpc from '@grpc/grpc-js';
import { decodePeerBaggage, encodePeerBaggage, metadataOf } from '@isthmus/sdk/peer';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGrpcApp, startHttp1App, startHttp2App } from '../../support/http-apps.js';
import { policy } from '../../support/model.js';
import { type Mesh, startMesh } from '../../support/waypoint-mesh.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

function send(mesh: Mesh, options: RequestOptions = {}, body: Readable | string = ''): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ host: '127.0.0.1', port: mesh.port, ...options }, resolve);
    request.once('error', reject);
    if (body instanceof Readable) body.pipe(request);
    else request.end(body);
  });
}

/** One client connection for all requests. */
function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.own(() => agent.destroy());
  return agent;
}

async function startNamedApps(...names: string[]): Promise<number[]> {
  const apps = names.map((name) => startHttp1App(scope, (_request, response) => response.end(name)));
  return (await Promise.all(apps)).map((app) => app.port);
}

function session(mesh: Mesh): ClientHttp2Session {
  const made = connectHttp2(`http://127.0.0.1:${mesh.port}`);
  made.on('error', () => undefined);
  scope.own(() => made.destroy());
  return made;
}

const SOURCE_LABELS = {
  reporter: 'waypoint',
  source_workload: 'storefront',
  source_canonical_service: 'storefront',
  source_workload_namespace: 'shop',
  source_principal: 'spiffe://cluster.local/ns/shop/sa/storefront',
  source_app: 'storefront',
  source_cluster: 'east',
};
const DESTINATION_LABELS = {
  destination_workload: 'reviews',
  destination_canonical_service: 'reviews',
  destination_workload_namespace: 'shop',
  destination_principal: 'spiffe://cluster.local/ns/shop/sa/reviews',
  destination_app: 'reviews',
  destination_service: 'reviews.shop.svc.cluster.local',
  destination_service_name: 'reviews',
  destination_service_namespace: 'shop',
};

describe('the version of HTTP', () => {
  it('is told by the client on a port that says http: HTTP/2 with prior knowledge is served as such', async () => {
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('over HTTP/2');
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });

    const body = await text(session(mesh).request({ ':path': '/' }));

    expect(body).toBe('over HTTP/2');
    await mesh.request(0);
    expect(mesh.requests).toMatchObject([{ responseCode: 200, destination: { workload: 'reviews' } }]);
  });

  it('may be 1.1 on a port that says http2', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http2', local: await startNamedApps('a') });

    const answer = await send(mesh);

    expect([answer.statusCode, await text(answer)]).toEqual([200, 'a']);
  });
});

describe('balancing', () => {
  it('chooses an endpoint per request over one client connection, and names both ends of each', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a', 'b') });
    const agent = keepAlive();

    const bodies: string[] = [];
    for (let index = 0; index < 8; index++) bodies.push(await text(await send(mesh, { agent })));

    expect(new Set(bodies)).toEqual(new Set(['a', 'b']));
    await mesh.request(7);
    const series = mesh.telemetry.samples('istio_requests_total');
    expect(series.reduce((sum, { value }) => sum + value, 0)).toBe(8);
    for (const { labels } of series) {
      expect(labels).toMatchObject({
        ...SOURCE_LABELS,
        ...DESTINATION_LABELS,
        destination_cluster: 'east',
        request_protocol: 'http',
        response_code: '200',
        response_flags: '-',
        connection_security_policy: 'mutual_tls',
      });
    }
    expect(new Set(mesh.requests.map((request) => request.destination.instance))).toEqual(
      new Set(['reviews-0', 'reviews-1']),
    );
  });

  it('spreads the requests of one client connection over the backends of another network', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', remote: await startNamedApps('a', 'b', 'c') });
    const agent = keepAlive();
    const counts = new Map<string, number>();

    for (let index = 0; index < 90; index++) {
      const body = await text(await send(mesh, { agent }));
      counts.set(body, (counts.get(body) ?? 0) + 1);
    }

    for (const name of ['a', 'b', 'c']) {
      expect(counts.get(name)).toBeGreaterThanOrEqual(18);
      expect(counts.get(name)).toBeLessThanOrEqual(42);
    }
    await mesh.request(89);
    expect(new Set(mesh.requests.map((request) => request.destination.instance))).toEqual(
      new Set(['reviews-0', 'reviews-1', 'reviews-2']),
    );
  });

  it('spreads HTTP/2 requests over the backends of another network too', async () => {
    const apps = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        startHttp2App(scope, (stream) => {
          stream.respond({ ':status': 200 });
          stream.end(name);
        }),
      ),
    );
    const mesh = await startMesh(scope, { appProtocol: 'http2', remote: apps.map((app) => app.port) });
    const client = session(mesh);

    const bodies: string[] = [];
    for (let index = 0; index < 30; index++) bodies.push(await text(client.request({ ':path': '/' })));

    for (const name of ['a', 'b', 'c']) expect(bodies.filter((body) => body === name).length).toBeGreaterThanOrEqual(6);
  });

  it('never sends to another network what came from one', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', remote: await startNamedApps('a') });
    const tunnel = await mesh.open({ headers: [['x-forwarded-network', 'network-2']] });
    const stream = tunnel.duplex();

    stream.write('GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n');
    const raw = await text(stream);

    expect(raw).toMatch(/^HTTP\/1\.1 503 [\s\S]*NO_HEALTHY_UPSTREAM\n$/);
    expect(mesh.seen).toEqual([]);
  });
});

describe('peer metadata', () => {
  it('names whoever answered on the other network, and tells the gateway nothing', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', remote: await startNamedApps('west') });

    expect(await text(await send(mesh))).toBe('west');

    const [series] = mesh.telemetry.samples('istio_requests_total');
    expect(series?.labels).toMatchObject({ ...SOURCE_LABELS, ...DESTINATION_LABELS, destination_cluster: 'west' });
    const outer = mesh.seen.find(({ at }) => at === 'eastwest');
    expect(outer?.header('baggage')).toBeUndefined();
    expect(outer?.header('x-istio-source')).toBe('waypoint');
    expect(outer?.authority).toBe('reviews.shop.svc.cluster.local:80');
    const inner = mesh.seen.find(({ at }) => at === 'reviews-0');
    expect(inner?.header('x-forwarded-network')).toBe('network-1');
    expect(inner?.peerIdentity).toBe('spiffe://cluster.local/ns/shop/sa/waypoint');
  });

  it.each(['local', 'remote'] as const)(
    'sends its own metadata to a %s endpoint, never the metadata of the source',
    async (where) => {
      const mesh = await startMesh(scope, { appProtocol: 'http11', [where]: await startNamedApps('a') });

      await text(await send(mesh));

      const connects = mesh.seen.filter(({ at }) => at === 'reviews-0');
      expect(connects.map(({ header }) => header('baggage'))).toEqual([encodePeerBaggage(metadataOf(mesh.waypoint))]);
      for (const { header } of mesh.seen) expect(header('baggage') ?? '').not.toContain('storefront');
    },
  );

  it('answers the CONNECT with its own metadata', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });

    const tunnel = await mesh.open();

    expect(decodePeerBaggage(tunnel.responseHeaders.all('baggage'))).toMatchObject({
      workload: 'waypoint',
      cluster: 'east',
    });
    tunnel.stream.reset();
  });

  it('leaves the baggage of the application alone', async () => {
    let seen: string | undefined;
    const app = await startHttp1App(scope, (request, response) => {
      seen = request.headers.baggage as string | undefined;
      response.setHeader('baggage', 'answer=1');
      response.end();
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });

    const answer = await send(mesh, { headers: { baggage: 'k8s.cluster.name=forged,user=ann' } });

    expect(seen).toBe('k8s.cluster.name=forged,user=ann');
    expect(answer.headers.baggage).toBe('answer=1');
    const [series] = mesh.telemetry.samples('istio_requests_total');
    expect(series?.labels.source_cluster).toBe('east');
  });

  it('believes the certificate and the registry before what the source says', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    const lie = 'k8s.cluster.name=elsewhere,k8s.namespace.name=admin,k8s.deployment.name=root';
    const stream = (await mesh.open({ headers: [['baggage', lie]] })).duplex();

    stream.write('GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n');
    await text(stream);

    expect((await mesh.request(0)).source).toMatchObject({
      workload: 'storefront',
      namespace: 'shop',
      cluster: 'east',
    });
  });

  it('knows nothing of the other end across networks when metadata exchange is off, and says nothing', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', remote: await startNamedApps('a'), baggage: false });

    expect(await text(await send(mesh))).toBe('a');

    const [series] = mesh.telemetry.samples('istio_requests_total');
    expect(series?.labels).toMatchObject({
      ...SOURCE_LABELS,
      destination_workload: 'unknown',
      destination_cluster: 'unknown',
      destination_principal: 'spiffe://cluster.local/ns/shop/sa/reviews',
      destination_service: 'reviews.shop.svc.cluster.local',
    });
    expect(mesh.seen.map(({ header }) => header('baggage'))).toEqual([undefined, undefined]);
    const tunnel = await mesh.open();
    expect(tunnel.responseHeaders.get('baggage')).toBeUndefined();
    tunnel.stream.reset();
  });
});

describe('bytes', () => {
  it.each(['local', 'remote'] as const)(
    'carries 15 MB both ways at once to a %s application with equal hashes',
    async (where) => {
      const app = await startHttp1App(scope, (request, response) => void request.pipe(response));
      const mesh = await startMesh(scope, { appProtocol: 'http11', [where]: [app.port] });
      const body = randomBytes(15 << 20);

      const answer = await send(mesh, { method: 'POST' }, Readable.from([body]));
      const received = await buffer(answer);

      expect(createHash('sha256').update(received).digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
      expect(await mesh.request(0)).toMatchObject({ requestBytes: body.length, responseBytes: body.length });
    },
  );

  it('tunnels a WebSocket', async () => {
    const app = await startHttp1App(scope, () => undefined);
    app.server.on('upgrade', (_request, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.unshift(head);
      socket.on('data', (chunk) => socket.write(`> ${chunk}`));
      socket.on('end', () => socket.end('bye'));
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });
    const stream = (await mesh.open()).duplex();

    stream.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await new Promise((resolve) => stream.once('readable', resolve));
    stream.end('hello');
    const raw = await text(stream);

    expect(raw).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(raw).toMatch(/> hellobye$/);
    expect(await mesh.request(0)).toMatchObject({ responseCode: 101, requestBytes: 5, responseBytes: 10 });
  });

  it('delivers the end of an answer that waited for a slow reader, although the connection is to be closed', async () => {
    // The window of the tunnel takes 4 MiB; the rest is in the queue of the waypoint when it has nothing left to do.
    const body = Buffer.alloc((4 << 20) + 32_768, 'x');
    const app = await startHttp1App(scope, (_request, response) => response.end(body));
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });
    const stream = (await mesh.open()).duplex();
    stream.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

    await mesh.request(0);
    const received = await buffer(stream);

    expect(received.subarray(received.indexOf('\r\n\r\n') + 4).equals(body)).toBe(true);
  });
});

describe('gRPC', () => {
  it.each(['local', 'remote'] as const)('carries calls to a %s application and reports their status', async (where) => {
    const mesh = await startMesh(scope, { appProtocol: 'grpc', [where]: [await startGrpcApp(scope)] });
    const client = new grpc.Client(`127.0.0.1:${mesh.port}`, grpc.credentials.createInsecure());
    scope.own(() => client.close());
    const raw = (value: Buffer): Buffer => value;
    const call = (message: string) =>
      new Promise<string>((resolve) => {
        client.makeUnaryRequest(
          '/shop.Ratings/Get',
          raw,
          raw,
          Buffer.from(message),
          (error: grpc.ServiceError | null, reply?: Buffer) => resolve(error ? `error ${error.code}` : String(reply)),
        );
      });

    const replies = [await call('book'), await call('missing')];

    expect(replies).toEqual(['rating of book', 'error 5']);
    await mesh.request(1);
    const labels = mesh.telemetry.samples('istio_requests_total').map((series) => series.labels);
    expect(labels).toEqual([
      expect.objectContaining({
        ...SOURCE_LABELS,
        ...DESTINATION_LABELS,
        request_protocol: 'grpc',
        grpc_response_status: '0',
      }),
      expect.objectContaining({
        ...SOURCE_LABELS,
        ...DESTINATION_LABELS,
        request_protocol: 'grpc',
        grpc_response_status: '5',
      }),
    ]);
  });
});

describe('failures', () => {
  it('serves from the other endpoint when one dies, before the control plane says so', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a', 'b') });
    const agent = keepAlive();
    for (let index = 0; index < 4; index++) await text(await send(mesh, { agent }));

    await mesh.endpoints[0]?.stop();
    const answers: [number | undefined, string][] = [];
    for (let index = 0; index < 6; index++) {
      const answer = await send(mesh, { agent });
      answers.push([answer.statusCode, await text(answer)]);
    }

    expect(answers).toEqual(Array.from({ length: 6 }, () => [200, 'b']));
  });

  it('says 503 and the fault when no endpoint is healthy', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    const record = mesh.endpoints[0]?.record;
    if (record) mesh.apply({ workloads: [{ ...record, healthy: false }] });

    const answer = await send(mesh);

    expect([answer.statusCode, await text(answer)]).toEqual([503, 'request not served: NO_HEALTHY_UPSTREAM\n']);
    const [series] = mesh.telemetry.samples('istio_requests_total');
    expect(series?.labels).toMatchObject({
      ...SOURCE_LABELS,
      destination_workload: 'unknown',
      destination_service: 'reviews.shop.svc.cluster.local',
      response_code: '503',
      response_flags: 'UH',
    });
  });

  it('says 503 and names the endpoint it tried when that cannot be reached', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    await mesh.endpoints[0]?.stop();

    const answer = await send(mesh);

    expect([answer.statusCode, await text(answer)]).toEqual([503, 'request not served: CONNECT_FAILED\n']);
    const [series] = mesh.telemetry.samples('istio_requests_total');
    expect(series?.labels).toMatchObject({
      destination_workload: 'reviews',
      response_flags: 'UF',
      response_code: '503',
    });
  });

  it('breaks an answer off visibly when the endpoint dies in the middle of it', async () => {
    const app = await startHttp1App(scope, (_request, response) => {
      response.write('part');
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });
    const answer = await send(mesh);
    await new Promise((resolve) => answer.once('readable', resolve));

    await mesh.endpoints[0]?.stop();

    await expect(text(answer)).rejects.toThrow('aborted');
    expect(await mesh.request(0)).toMatchObject({ responseCode: 200, fault: { code: 'TUNNEL_LOST' } });
  });

  it('ends the request at the application when the client goes away', async () => {
    let gone: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => {
      gone = resolve;
    });
    let arrived: () => void = () => undefined;
    const received = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const app = await startHttp1App(scope, (_request, response) => {
      response.once('close', gone);
      arrived();
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });
    const stream = (await mesh.open()).duplex();
    stream.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await received;

    stream.destroy();
    await closed;

    expect(await mesh.request(0)).toMatchObject({ responseCode: 0, fault: { code: 'CLIENT_GONE' } });
  });
});

describe('policy', () => {
  it('refuses the CONNECT with 401 when an L4 policy of the waypoint denies the client', async () => {
    const deny = policy('no-storefront', 'deny', {
      principals: [{ kind: 'exact', value: 'cluster.local/ns/shop/sa/storefront' }],
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a'), policies: [deny] });

    await expect(mesh.open()).rejects.toMatchObject({ code: 'POLICY_DENY' });

    expect(mesh.telemetry.samples('istio_requests_total')).toEqual([]);
    expect(JSON.stringify(mesh.telemetry.log())).toContain('shop/no-storefront');
  });

  it('leaves an ALLOW list of the namespace to the destination, which the waypoint calls', async () => {
    const allow = policy('only-the-waypoint', 'allow', {
      principals: [{ kind: 'exact', value: 'cluster.local/ns/shop/sa/waypoint' }],
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a'), policies: [allow] });

    await expect(mesh.open()).resolves.toBeDefined();
  });

  it('enforces an ALLOW list that selects the waypoint itself', async () => {
    const allow = policy('nobody', 'allow', { principals: [{ kind: 'exact', value: 'cluster.local/ns/x/sa/y' }] });
    const selecting = { ...allow, scope: 'workload-selector' as const };
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    mesh.apply({
      policies: [selecting],
      workloads: [{ ...mesh.waypoint, authorizationPolicies: [selecting.key] }],
    });

    await expect(mesh.open()).rejects.toMatchObject({ code: 'POLICY_DENY' });
  });

  it('cuts tunnels that a new policy forbids', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    const stream = (await mesh.open()).duplex();
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined).resume();

    mesh.apply({
      policies: [
        policy('no-storefront', 'deny', {
          principals: [{ kind: 'exact', value: 'cluster.local/ns/shop/sa/storefront' }],
        }),
      ],
    });

    await closed;
  });
});

describe('CONNECTs that are not for this waypoint', () => {
  it.each([
    ['127.0.0.9:80', 'nobody there'],
    ['ratings.shop.svc.cluster.local:80', 'a name nobody has'],
    ['reviews.shop.svc.cluster.local:81', 'a port the service does not list'],
  ])('refuses %s: %s', async (authority) => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });

    await expect(mesh.open({ authority })).rejects.toMatchObject({
      code: 'TUNNEL_REFUSED',
      message: expect.stringContaining('503'),
    });
  });

  it('refuses a service that is bound to another waypoint with 400', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    const { waypoint: _bound, ...unbound } = mesh.service;
    mesh.apply({ services: [unbound] });

    await expect(mesh.open()).rejects.toMatchObject({ message: expect.stringContaining('400') });
  });
});

describe('drain', () => {
  it('finishes what runs, asks HTTP/1.1 clients to close, and takes no new tunnels', async () => {
    let release: () => void = () => undefined;
    const app = await startHttp1App(scope, (_request, response) => {
      response.write('first, ');
      release = () => response.end('last');
    });
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: [app.port] });
    const running = await send(mesh, { agent: keepAlive() });
    await new Promise((resolve) => running.once('readable', resolve));

    mesh.drain();
    release();

    expect(await text(running)).toBe('first, last');
    await expect(mesh.open()).rejects.toBeDefined();
    await mesh.connectionsIdle();
    expect(mesh.running.openConnections()).toBe(0);
  });

  it('lets HTTP/2 requests finish after GOAWAY', async () => {
    let release: () => void = () => undefined;
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('first, ');
      release = () => stream.end('last');
    });
    const mesh = await startMesh(scope, { appProtocol: 'http2', local: [app.port] });
    const client = session(mesh);
    const goaway = new Promise((resolve) => client.once('goaway', resolve));
    const stream = client.request({ ':path': '/' });
    await new Promise((resolve) => stream.once('response', resolve));

    mesh.drain();
    await goaway;
    release();

    expect(await text(stream)).toBe('first, last');
    await mesh.connectionsIdle();
  });
});

describe('the port of a client that is not HTTP', () => {
  it('answers 400 and goes on serving others', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: await startNamedApps('a') });
    const socket = connect(mesh.port, '127.0.0.1');
    socket.write('\x16\x03\x01 not http\r\n\r\n');

    const raw = await text(socket);
    const other = await text(await send(mesh));

    expect(raw).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(other).toBe('a');
    expect(JSON.stringify(mesh.telemetry.log())).toContain('not HTTP/1.1');
  });
});

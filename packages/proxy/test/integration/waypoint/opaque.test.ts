/** Connections the waypoint does not look into, and ports that do not say what they carry. */
import { createHash, randomBytes } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpLimits } from '../../../src/http/limits.js';
import { startHttp1App, startHttp2App, startTcpApp } from '../../support/http-apps.js';
import { startMesh } from '../../support/waypoint-mesh.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

const LABELS = {
  reporter: 'waypoint',
  source_workload: 'storefront',
  source_principal: 'spiffe://cluster.local/ns/shop/sa/storefront',
  source_cluster: 'east',
  destination_workload: 'reviews',
  destination_principal: 'spiffe://cluster.local/ns/shop/sa/reviews',
  destination_service: 'reviews.shop.svc.cluster.local',
  request_protocol: 'tcp',
  connection_security_policy: 'mutual_tls',
};

describe('TCP ports', () => {
  it.each([
    ['local', 'east'],
    ['remote', 'west'],
  ] as const)('carries bytes and half-close to a %s application, and names both ends', async (where, cluster) => {
    const port = await startTcpApp(scope, (socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => socket.end(`got ${Buffer.concat(chunks)}`));
    });
    const mesh = await startMesh(scope, { appProtocol: 'tcp', [where]: [port] });
    const stream = (await mesh.open()).duplex();

    stream.end('all of it');
    const answer = await text(stream);

    expect(answer).toBe('got all of it');
    await mesh.connectionsClosed(1);
    const [opened] = mesh.telemetry.samples('istio_tcp_connections_opened_total');
    expect(opened).toMatchObject({
      value: 1,
      labels: { ...LABELS, destination_cluster: cluster, response_flags: '-' },
    });
    const [received] = mesh.telemetry.samples('istio_tcp_received_bytes_total');
    const [sent] = mesh.telemetry.samples('istio_tcp_sent_bytes_total');
    expect([received?.value, sent?.value]).toEqual([9, 13]);
    expect(mesh.requests).toEqual([]);
  });

  it('carries 15 MB both ways at once with equal hashes', async () => {
    const port = await startTcpApp(scope, (socket) => void socket.pipe(socket));
    const mesh = await startMesh(scope, { appProtocol: 'tcp', remote: [port] });
    const body = randomBytes(15 << 20);
    const stream = (await mesh.open()).duplex();

    stream.end(body);
    const received = await buffer(stream);

    expect(createHash('sha256').update(received).digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
  });

  it('refuses the CONNECT when the endpoint cannot be reached, and says why in metrics and log', async () => {
    const mesh = await startMesh(scope, { appProtocol: 'tcp', local: [await startTcpApp(scope, () => undefined)] });
    await mesh.endpoints[0]?.stop();

    await expect(mesh.open()).rejects.toMatchObject({
      code: 'TUNNEL_REFUSED',
      message: expect.stringContaining('503'),
    });

    const [closed] = mesh.telemetry.samples('istio_tcp_connections_closed_total');
    expect(closed?.labels).toMatchObject({ destination_workload: 'reviews', response_flags: 'UF' });
    expect(JSON.stringify(mesh.telemetry.log())).toContain('ECONNREFUSED');
  });

  it('lets a server speak first without waiting', async () => {
    const port = await startTcpApp(scope, (socket) => socket.end('220 welcome\r\n'));
    const clock = createVirtualClock();
    const mesh = await startMesh(scope, { appProtocol: 'tcp', local: [port], clock });

    const stream = (await mesh.open()).duplex();

    expect(await text(stream)).toBe('220 welcome\r\n');
    stream.end();
  });

  it('shows the client that the endpoint died instead of an orderly end', async () => {
    const port = await startTcpApp(scope, (socket) => socket.write('part'));
    const mesh = await startMesh(scope, { appProtocol: 'tcp', local: [port] });
    const stream = (await mesh.open()).duplex();
    const failed = new Promise((resolve) => stream.once('error', resolve));
    await new Promise((resolve) => stream.once('data', resolve));

    await mesh.endpoints[0]?.stop();

    expect(await failed).toMatchObject({ code: 'TUNNEL_LOST' });
    await mesh.connectionsClosed(1);
    const [closed] = mesh.telemetry.samples('istio_tcp_connections_closed_total');
    expect(closed?.labels.response_flags).not.toBe('-');
  });
});

describe('ports of unknown protocol', () => {
  it('serves HTTP/1.1 per request', async () => {
    const app = await startHttp1App(scope, (_request, response) => response.end('http1'));
    const mesh = await startMesh(scope, { appProtocol: 'unknown', local: [app.port] });
    const socket = connect(mesh.port, '127.0.0.1');

    // In two pieces, neither of which is a request by itself.
    socket.write('GE');
    await mesh.tunnelOpen();
    socket.write('T / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

    expect(await text(socket)).toMatch(/http1$/);
    expect(await mesh.request(0)).toMatchObject({ method: 'GET', responseCode: 200 });
  });

  it('serves HTTP/2 per request', async () => {
    const app = await startHttp2App(scope, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('http2');
    });
    const mesh = await startMesh(scope, { appProtocol: 'unknown', local: [app.port] });
    const client = connectHttp2(`http://127.0.0.1:${mesh.port}`);
    client.on('error', () => undefined);
    scope.own(() => client.destroy());

    expect(await text(client.request({ ':path': '/' }))).toBe('http2');
    expect(await mesh.request(0)).toMatchObject({ responseCode: 200 });
  });

  it('carries what is neither as TCP, from the first byte', async () => {
    const port = await startTcpApp(scope, (socket) => void socket.pipe(socket));
    const mesh = await startMesh(scope, { appProtocol: 'unknown', local: [port] });
    const stream = (await mesh.open()).duplex();

    stream.end('*1\r\n$4\r\nPING\r\n');

    expect(await text(stream)).toBe('*1\r\n$4\r\nPING\r\n');
    await mesh.connectionsClosed(1);
    const [received] = mesh.telemetry.samples('istio_tcp_received_bytes_total');
    expect(received).toMatchObject({ value: 14, labels: LABELS });
  });

  it('loses nothing of a client that stops in the middle of what might have become HTTP', async () => {
    const port = await startTcpApp(scope, (socket) => void socket.pipe(socket));
    const mesh = await startMesh(scope, { appProtocol: 'unknown', local: [port] });
    const stream = (await mesh.open()).duplex();

    stream.end('GET');

    expect(await text(stream)).toBe('GET');
  });

  it('takes a client that says nothing for TCP after the deadline, so that the server may speak first', async () => {
    const port = await startTcpApp(scope, (socket) => socket.end('220 welcome\r\n'));
    const clock = createVirtualClock();
    const mesh = await startMesh(scope, { appProtocol: 'unknown', local: [port], clock });
    const stream = (await mesh.open()).duplex();

    clock.advance(httpLimits().detectMs);

    expect(await text(stream)).toBe('220 welcome\r\n');
    stream.end();
  });
});

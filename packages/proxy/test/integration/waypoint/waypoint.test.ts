/** The waypoint role among real neighbours: HBONE, mTLS, HTTP/1.1, HTTP/2, gRPC and TCP applications, two networks. */
import { Agent, type IncomingMessage, type RequestOptions, request as sendRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttp1App, startHttp2App } from '../../support/http-apps.js';
import { type Mesh, startMesh } from '../../support/waypoint-mesh.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

function send(mesh: Mesh, options: RequestOptions = {}, body = ''): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ host: '127.0.0.1', port: mesh.port, ...options }, resolve);
    request.once('error', reject);
    request.end(body);
  });
}

describe('requests', () => {
  it('balances per request over one client connection and names both ends of each', async () => {
    const apps = await Promise.all(
      ['a', 'b'].map((name) => startHttp1App(scope, (_q, response) => response.end(name))),
    );
    const mesh = await startMesh(scope, { appProtocol: 'http11', local: apps.map((app) => app.port) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    scope.own(() => agent.destroy());

    const bodies: string[] = [];
    for (let index = 0; index < 8; index++) bodies.push(await text(await send(mesh, { agent })));

    expect(new Set(bodies)).toEqual(new Set(['a', 'b']));
    await mesh.request(7);
    const series = mesh.telemetry.samples('istio_requests_total');
    console.log(series.map((s) => s.labels));
  });
});

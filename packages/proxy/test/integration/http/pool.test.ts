/** The pool with real connections: bounds, age, idleness, and the answers at the bounds. */
import { type IncomingMessage, request as sendRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { createScope, type Scope } from '@isthmus/sdk/runtime';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttp1App } from '../../support/http-apps.js';
import { type L7Proxy, planTo, startProxy } from '../../support/http-proxy.js';

let scope: Scope;
beforeEach(() => {
  scope = createScope();
});
afterEach(() => scope.close());

function send(proxy: L7Proxy): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sendRequest({ host: '127.0.0.1', port: proxy.port }, resolve).once('error', reject).end();
  });
}

/** An application that answers when told. */
async function startHoldingApp() {
  const held: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  const app = await startHttp1App(scope, (_request, response) => {
    held.push(() => response.end('ok'));
    for (const wake of waiting.splice(0)) wake();
  });
  return {
    port: app.port,
    held,
    async holding(count: number) {
      while (held.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    release() {
      for (const answer of held.splice(0)) answer();
    },
  };
}

async function turnsUntil(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

describe('bounds', () => {
  it('lets requests wait for a connection when the endpoint has as many as it may, and serves them all', async () => {
    const app = await startHoldingApp();
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port], limits: { upstreamPerEndpoint: 2 } });

    const answers = Promise.all(Array.from({ length: 6 }, () => send(proxy)));
    for (let served = 0; served < 6; served += 2) {
      await app.holding(2);
      app.release();
    }

    expect((await answers).map((answer) => answer.statusCode)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(proxy.opened).toHaveLength(2);
  });

  it('answers 503 with the bound when too many wait', async () => {
    const app = await startHoldingApp();
    const limits = { upstreamPerEndpoint: 1, upstreamWaiting: 1 };
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port], limits });
    const first = send(proxy);
    await app.holding(1);

    const others = [send(proxy), send(proxy)];
    const turnedAway = await Promise.race(others);
    app.release();
    await app.holding(1);
    app.release();

    expect([turnedAway.statusCode, await text(turnedAway)]).toEqual([503, 'request not served: UPSTREAM_OVERFLOW\n']);
    expect((await first).statusCode).toBe(200);
    const codes = (await Promise.all(others)).map((answer) => answer.statusCode);
    expect(codes.sort()).toEqual([200, 503]);
  });

  it('closes an idle connection elsewhere for one that is needed', async () => {
    const apps = await Promise.all(
      ['a', 'b'].map((name) => startHttp1App(scope, (_q, response) => response.end(name))),
    );
    const ports = apps.map((app) => app.port);
    const proxy = await startProxy(scope, { version: 'http1', ports, limits: { upstreamTotal: 1 } });

    const bodies = [await text(await send(proxy)), await text(await send(proxy)), await text(await send(proxy))];

    expect(bodies).toEqual(['a', 'b', 'a']);
    await turnsUntil(() => proxy.pool.size === 1);
  });

  it('answers 503 when the process has as many connections as it may and all are in use', async () => {
    const [busy, other] = [await startHoldingApp(), await startHttp1App(scope, (_q, response) => response.end())];
    const proxy = await startProxy(scope, {
      version: 'http1',
      ports: [busy.port, other.port],
      limits: { upstreamTotal: 1 },
    });
    const first = send(proxy);
    await busy.holding(1);

    const answer = await send(proxy);
    busy.release();

    expect(await text(answer)).toBe('request not served: UPSTREAM_OVERFLOW\n');
    expect((await first).statusCode).toBe(200);
  });

  it('gives the place of a waiting client that leaves to nobody, and goes on', async () => {
    const app = await startHoldingApp();
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port], limits: { upstreamPerEndpoint: 1 } });
    const first = send(proxy);
    await app.holding(1);
    const leaving = sendRequest({ host: '127.0.0.1', port: proxy.port });
    leaving.on('error', () => undefined).end();
    await new Promise((resolve) => leaving.once('finish', resolve));

    leaving.destroy();
    const gone = await proxy.report(0);
    app.release();

    expect(gone).toMatchObject({ responseCode: 0, fault: { code: 'CLIENT_GONE' } });
    expect((await first).statusCode).toBe(200);
  });
});

describe('time', () => {
  it('closes connections that nobody used for a while, and leaves no timer', async () => {
    const app = await startHttp1App(scope, (_request, response) => response.end('ok'));
    const clock = createVirtualClock();
    const limits = { upstreamIdleMs: 1_000, sweepMs: 100 };
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port], limits, clock });
    const answer = await send(proxy);
    await text(answer);
    await proxy.report(0);

    const before = proxy.pool.size;
    clock.advance(1_100);
    await turnsUntil(() => proxy.pool.size === 0);

    expect(before).toBe(1);
  });

  it('replaces a connection of a certain age, and no request is lost over it', async () => {
    const app = await startHttp1App(scope, (_request, response) => response.end('ok'));
    const clock = createVirtualClock();
    const limits = { upstreamAgeMs: 1_000, upstreamIdleMs: 1_000_000, sweepMs: 100 };
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port], limits, clock });

    const codes: (number | undefined)[] = [];
    for (let index = 0; index < 6; index++) {
      const answer = await send(proxy);
      codes.push(answer.statusCode);
      await text(answer);
      await proxy.report(index);
      clock.advance(500);
    }

    expect(new Set(codes)).toEqual(new Set([200]));
    expect(proxy.opened.length).toBeGreaterThanOrEqual(3);
    expect(proxy.opened.length).toBeLessThan(6);
  });
});

describe('what an application does to its connection', () => {
  it('does not take bytes sent without being asked for the answer to the next request', async () => {
    let poison: () => void = () => undefined;
    const app = await startHttp1App(scope, (request, response) => {
      poison = () => request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned');
      response.end('ok');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    await text(await send(proxy));
    await proxy.report(0);

    poison();
    await turnsUntil(() => proxy.pool.size === 0);

    expect(await text(await send(proxy))).toBe('ok');
    expect(proxy.opened).toHaveLength(2);
  });

  it('notices that a kept connection was closed, and opens another', async () => {
    let hangUp: () => void = () => undefined;
    const app = await startHttp1App(scope, (request, response) => {
      hangUp = () => request.socket.end();
      response.end('ok');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });
    await text(await send(proxy));
    await proxy.report(0);

    hangUp();
    await turnsUntil(() => proxy.pool.size === 0);

    expect((await send(proxy)).statusCode).toBe(200);
  });

  it('does not keep a connection the application will close', async () => {
    const app = await startHttp1App(scope, (_request, response) => {
      response.setHeader('connection', 'close');
      response.end('ok');
    });
    const proxy = await startProxy(scope, { version: 'http1', ports: [app.port] });

    for (let index = 0; index < 3; index++) expect(await text(await send(proxy))).toBe('ok');

    expect(proxy.opened).toHaveLength(3);
  });
});

it('never gives a request a connection that was opened for another destination', async () => {
  const apps = await Promise.all(['a', 'b'].map((name) => startHttp1App(scope, (_q, response) => response.end(name))));
  const [a, b] = [planTo(apps[0]?.port ?? 0), planTo(apps[1]?.port ?? 0)];
  // Same endpoint name, another address: a pod that came back elsewhere.
  const moved = a.kind === 'direct' && b.kind === 'direct' && a.destination ? { ...b, destination: a.destination } : b;
  const plans = [a, moved, a];
  const proxy = await startProxy(scope, { version: 'http1', ports: [], route: () => plans.shift() ?? a });

  const bodies = [await text(await send(proxy)), await text(await send(proxy)), await text(await send(proxy))];

  expect(bodies).toEqual(['a', 'b', 'a']);
});

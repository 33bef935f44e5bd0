import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Server } from '@grpc/grpc-js';
import { createScope } from '@isthmus/sdk/runtime';
import { createVirtualClock } from '@isthmus/sdk/testing';
import { describe, expect, it } from 'vitest';
import { createCaStore, createServing, makeCacerts } from '../../src/ca/index.js';
import { captureLogs } from '../support/logs.js';

const HOUR_MS = 3_600_000;

describe('the serving certificate', () => {
  it('is renewed at half its life, for connections from then on', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-serving-'));
    // So far back that the renewed certificate is valid by the real clock, which TLS goes by.
    const clock = createVirtualClock(Date.now() - 13 * HOUR_MS);
    const out = join(directory, 'ca');
    await makeCacerts({
      out,
      root: join(directory, 'root'),
      cluster: 'east',
      trustDomain: 'cluster.local',
      now: clock.now(),
    });
    const scope = createScope();
    const { log, logs, logged } = captureLogs();
    const store = await createCaStore(scope, { directory: out, clock, log, quietMs: 5, maxMs: 50, rescanMs: 10_000 });
    const { credentials } = await createServing(scope, {
      hosts: ['mesh.example'],
      ttlMs: 24 * HOUR_MS,
      store,
      clock,
      log,
    });
    const server = new Server();
    const port = await new Promise<number>((resolve) =>
      server.bindAsync('127.0.0.1:0', credentials, (_, bound) => resolve(bound)),
    );
    const serialNumber = async () => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'mesh.example',
        ca: store.current.roots,
        ALPNProtocols: ['h2'],
      });
      await once(socket, 'secureConnect');
      const serial = socket.getPeerCertificate().serialNumber;
      socket.destroy();
      return serial;
    };

    const first = await serialNumber();
    clock.advance(11 * HOUR_MS);
    const early = await serialNumber();
    const renewals = logs.filter(({ message }) => message === 'serving certificate renewed').length;
    clock.advance(2 * HOUR_MS);
    await logged(({ message }) => message === 'serving certificate renewed');
    const second = await serialNumber();

    expect([early, renewals]).toEqual([first, 0]);
    expect(second).not.toBe(first);
    server.forceShutdown();
    await scope.close();
    expect(clock.pending).toBe(0);
    await rm(directory, { recursive: true });
  });
});

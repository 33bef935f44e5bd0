import { once } from 'node:events';
import { createScope } from '@isthmus/sdk/runtime';
import { createTestAuthority } from '@isthmus/sdk/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { SETTINGS } from '../../../src/config.js';
import { startTestControlPlane } from '../../support/control-plane.js';
import { reserveBlock } from '../../support/loopback.js';
import { startProgram } from '../../support/program.js';
import { connectTo, serveEcho } from '../../support/tcp.js';
import { addressesOf, eastRecords } from '../../support/two-clusters.js';

const ADDRESSES = addressesOf(await reserveBlock());
const LISTENER = { host: ADDRESSES.capture, port: 9080 };

let scope = createScope();
afterEach(async () => {
  await scope.close();
  scope = createScope();
});

const program = (args: readonly string[], env: Record<string, string> = {}) => startProgram(scope, args, env);

describe('isthmus-proxy', () => {
  it('lists commands and every setting in its help', async () => {
    const { code, stdout } = await program(['--help']).exited;

    expect(code).toBe(0);
    for (const word of ['ztunnel', 'waypoint', 'east-west-gateway']) expect(stdout).toContain(word);
    for (const row of Object.values(SETTINGS)) expect(stdout).toContain(row.env[0]);
  });

  it('exits with 2 on settings it cannot use, with all of them', async () => {
    const { code, stderr } = await program(['waypoint'], { LOG_LEVEL: 'loud', SECRET_TTL: 'soon' }).exited;

    expect(code).toBe(2);
    for (const word of ['LOG_LEVEL', 'SECRET_TTL', 'PROXY_WORKLOAD_INFO', 'INSTANCE_IP'])
      expect(stderr).toContain(word);
  });

  it.each([[['nonsense']], [['config', 'nonsense']], [[]]])('exits with 2 when used as %j', async (args) => {
    const { code } = await program(args).exited;

    expect(code).toBe(2);
  });

  it('prints the settings in effect without the token', async () => {
    const { code, stdout } = await program(['config', 'ztunnel'], { NETWORK: 'network-1', AUTH_TOKEN: 'eyJ' }).exited;

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ role: 'ztunnel', network: 'network-1', authToken: '(secret)' });
  });

  it('exits with 1 when a page cannot be bound', async () => {
    const { port: taken } = await serveEcho(scope, '127.0.0.1', 0);

    const { code, stderr } = await program(['ztunnel'], { ...PAGES, METRICS_ADDRESS: `127.0.0.1:${taken}` }).exited;

    expect(code).toBe(1);
    expect(stderr).toMatch(/METRICS_ADDRESS: .*EADDRINUSE/);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'drains on %s and exits with 0, also before its first sync',
    async (signal) => {
      const { child, written, exited } = program(['ztunnel'], {
        ...PAGES,
        XDS_ADDRESS: '127.0.0.1:1',
        XDS_ROOT_CA: 'SYSTEM',
      });
      await written('control plane cannot be reached yet');

      child.kill(signal);

      expect((await exited).code).toBe(0);
    },
  );

  it('waits for open connections on the first signal and not on the second', async () => {
    const authority = await createTestAuthority();
    const plane = await startTestControlPlane({ authority, records: eastRecords(ADDRESSES) });
    scope.own(() => plane.stop());
    const echo = await serveEcho(scope, '127.0.0.1', 0);
    const { child, written, exited } = program(['ztunnel'], {
      ...PAGES,
      CLUSTER_ID: 'east',
      NETWORK: 'network-1',
      XDS_ADDRESS: `127.0.0.1:${plane.port}`,
      XDS_ROOT_CA: plane.roots,
      CONNECTION_TERMINATION_DEADLINE: '1h',
      OUTBOUND_LISTENERS: `shop/storefront@${LISTENER.host}:${LISTENER.port}=127.0.0.1:${echo.port}`,
    });
    await written('serving');
    const socket = await connectTo(scope, LISTENER.host, LISTENER.port);
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    // A connection the kernel has accepted is not yet one the program knows of; one that carries bytes is.
    socket.write('hello');
    await once(socket, 'data');

    child.kill('SIGTERM');
    await refusal(LISTENER);
    const stillOpen = !socket.destroyed && child.exitCode === null;
    child.kill('SIGTERM');

    expect(stillOpen).toBe(true);
    const { code, stdout } = await exited;
    await closed;
    expect(code).toBe(0);
    expect(stdout).toContain('connection closed due to connection drain');
  });
});

/** Resolves once nobody listens there any more. */
async function refusal({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  for (;;) {
    const socket = await connectTo(scope, host, port).catch((error: NodeJS.ErrnoException) => error);
    if (socket instanceof Error && socket.code === 'ECONNREFUSED') return;
    if (!(socket instanceof Error)) socket.destroy();
  }
}

const PAGES = { ADMIN_ADDRESS: '127.0.0.1:0', METRICS_ADDRESS: '127.0.0.1:0', READINESS_ADDRESS: '127.0.0.1:0' };

/** What a gateway exports that was told nothing of exports: it depends on who tells it of services. */
import { createHbonePool } from '@isthmus/sdk/hbone';
import { createScope, realClock, type Scope } from '@isthmus/sdk/runtime';
import { createTestAuthority, type TestAuthority } from '@isthmus/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp } from '../../../src/app.js';
import { ROLES } from '../../../src/roles/index.js';
import { startTestControlPlane } from '../../support/control-plane.js';
import { reserveBlock } from '../../support/loopback.js';
import { settingsFor } from '../../support/proxy.js';
import { serveEcho } from '../../support/tcp.js';
import { collectLines } from '../../support/telemetry.js';
import { addressesOf, identity, REVIEWS, westRecords } from '../../support/two-clusters.js';

/** As istiod calls itself. */
const ISTIOD = JSON.stringify({ Component: 'istiod', ID: 'istiod-6b7c', Info: { version: '1.29.0' } });
const ADDRESSES = addressesOf(await reserveBlock());

let scope: Scope;
let authority: TestAuthority;
beforeEach(async () => {
  scope = createScope();
  authority = await createTestAuthority();
});
afterEach(() => scope.close());

async function startGateway(identifier: string | undefined, env: Readonly<Record<string, string>>) {
  const { controlPlane, gateway, reviews } = ADDRESSES;
  const plane = await startTestControlPlane({
    authority,
    host: controlPlane,
    records: westRecords(ADDRESSES),
    bearer: identity('gateway'),
    ...(identifier !== undefined && { identifier }),
  });
  scope.own(() => plane.stop());
  // In place of the ztunnel of that pod: the gateway hands bytes over and never learns what they are.
  await serveEcho(scope, reviews, 15008);
  const output = collectLines();
  const app = await startApp(scope, {
    settings: settingsFor('east-west-gateway', {
      CLUSTER_ID: 'west',
      NETWORK: 'network-2',
      PROXY_WORKLOAD_INFO: 'shop/gateway/gateway',
      INSTANCE_IP: gateway,
      XDS_ADDRESS: `https://${controlPlane}:${plane.port}`,
      XDS_ROOT_CA: plane.roots,
      AUTH_TOKEN: 'token',
      ADMIN_ADDRESS: '127.0.0.1:0',
      METRICS_ADDRESS: '127.0.0.1:0',
      READINESS_ADDRESS: '127.0.0.1:0',
      LOG_FORMAT: 'json',
      ...env,
    }),
    role: ROLES['east-west-gateway'],
    version: '0.0.0',
    stdout: output.stream,
    quit: () => {},
  });
  await app.ready;
  app.flush();
  return output;
}

async function askForReviews(): Promise<unknown> {
  const pool = createHbonePool(scope, { clock: realClock });
  const source = await authority.issue(identity('storefront'));
  const address = { host: ADDRESSES.gateway, port: 15008 };
  const { stream } = await pool.connect(
    { source, expected: [identity('gateway')], address, clientIp: ADDRESSES.storefront },
    { authority: `${REVIEWS}:80`, headers: [] },
  );
  stream.reset();
  return 'served';
}

describe.each([
  { who: 'our control plane', identifier: undefined, env: {}, exported: true, warned: false },
  { who: 'istiod', identifier: ISTIOD, env: {}, exported: false, warned: true },
  { who: 'nobody in particular', identifier: '', env: {}, exported: false, warned: true },
  {
    who: 'istiod, and allowed all',
    identifier: ISTIOD,
    env: { EXPORTED_SERVICES: '*/*' },
    exported: true,
    warned: false,
  },
])('a gateway that is told of services by $who', ({ identifier, env, exported, warned }) => {
  it(exported ? 'lets other networks reach them' : 'exports nothing, and says what to set', async () => {
    const output = await startGateway(identifier, env);

    const answer = askForReviews();

    if (exported) await expect(answer).resolves.toBe('served');
    else await expect(answer).rejects.toThrow(/404/);
    expect(output.lines().some((line) => line.includes('EXPORTED_SERVICES'))).toBe(warned);
  });
});

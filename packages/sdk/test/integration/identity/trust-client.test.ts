/** What a proxy makes of what a control plane says about trust, over real gRPC. */
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTrust, followTrustBundles, type Trust, writeBundles } from '../../../src/identity/index.js';
import { createLogger, createScope, type Scope } from '../../../src/runtime/index.js';
import { createTestAuthority, createVirtualClock, type VirtualClock } from '../../../src/testing.js';
import { startControlPlane, type TrustCall } from '../../support/control-plane.js';
import { until } from '../../support/deferred.js';
import { createInbox, type Inbox } from '../../support/inbox.js';
import { createServerCertificates } from '../../support/server-certificates.js';

const certificates = await createServerCertificates();
const authority = await createTestAuthority();
const OWN = new Map([['cluster.local', [authority.rootPem]]]);

let scope: Scope;
let clock: VirtualClock;
let trust: Trust;
let lines: string[];
beforeEach(() => {
  scope = createScope();
  clock = createVirtualClock();
  trust = createTrust();
  lines = [];
});
afterEach(() => scope.close());

function followAt(address: string): void {
  const log = createLogger({ destination: { write: (line) => void lines.push(line) } });
  followTrustBundles(scope, { access: { address, roots: certificates.rootPem }, trust, clock, log });
}

async function startFollowed(): Promise<Inbox<TrustCall>> {
  const calls = createInbox<TrustCall>();
  const server = await startControlPlane({ certificates, followTrust: (call) => calls.put(call) });
  scope.own(() => server.stop());
  followAt(server.address);
  return calls;
}

describe('a follower of trust bundles', () => {
  it('sends the header of SPIFFE and takes what it is told, each time', async () => {
    const partner = await createTestAuthority({ trustDomain: 'partner.example' });
    const call = await (await startFollowed()).next();

    call.write(writeBundles(new Map([...OWN, ['partner.example', [partner.rootPem, authority.rootPem]]])));
    await until(() => trust.bundles?.size === 2);
    const both = [...(trust.bundles ?? [])];
    call.write(writeBundles(OWN));
    await until(() => trust.bundles?.size === 1);

    expect(call.metadata.get('workload.spiffe.io')).toEqual(['true']);
    expect(both).toEqual([...OWN, ['partner.example', [partner.rootPem, authority.rootPem]]]);
  });

  it('keeps what it was last told while the control plane is away, and asks again', async () => {
    const calls = await startFollowed();
    const call = await calls.next();
    call.write(writeBundles(OWN));
    await until(() => trust.bundles !== undefined);

    call.emit('error', { code: status.UNAVAILABLE, details: 'restarting' });
    await until(() => lines.some((line) => line.includes('trust bundles are not told any more')));
    const meanwhile = trust.bundles?.size;
    clock.advance(2_000);
    await calls.next();

    expect(meanwhile).toBe(1);
  });

  it.each([
    [
      'cannot be read',
      { 'spiffe://partner.example': Buffer.from('no certificate') },
      'the roots of partner.example: the bundle is not a sequence of DER certificates',
    ],
    ['names no trust domain', {}, 'no trust domain is in it'],
  ])('keeps what it was last told when what comes %s, and says what is wrong with it', async (_, bundles, reason) => {
    const call = await (await startFollowed()).next();
    call.write(writeBundles(OWN));
    await until(() => trust.bundles !== undefined);

    const { $typeName } = writeBundles(OWN);
    call.write({ $typeName, crl: [], bundles });
    await until(() => lines.some((line) => line.includes('cannot be used')));

    expect([...(trust.bundles ?? [])]).toEqual([...OWN]);
    expect(lines.join('')).toContain(reason);
  });

  it('forgets what it was told when the control plane does not know the method, like an istiod', async () => {
    const server = await startControlPlane({ certificates });
    scope.own(() => server.stop());
    trust.set(OWN);

    followAt(server.address);
    await until(() => lines.some((line) => line.includes('tells no trust bundles')));

    expect(trust.bundles).toBeUndefined();
  });
});

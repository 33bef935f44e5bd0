import { silentLogger } from '@isthmus/sdk/runtime';
import { describe, expect, it } from 'vitest';
import { createPolicyGuard, type GuardedConnection } from '../../../src/policy/guard.js';
import { itsWaypoints } from '../../../src/policy/through-waypoint.js';
import { feed, type MeshRecords, service, storeOf, workload } from '../../support/model.js';

const PORTS = [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }] as const;
const identity = (account: string) => `spiffe://cluster.local/ns/shop/sa/${account}`;

const front = service({ name: 'waypoint', addresses: [{ network: 'network-1', ip: '240.0.0.9' }] });
const waypoint = workload({ name: 'waypoint', addresses: ['10.0.0.9'], services: new Map([[front.key, PORTS]]) });
const bound = {
  destination: { kind: 'hostname', name: { namespace: 'shop', hostname: front.hostname } },
  hboneMtlsPort: 15008,
} as const;
const fronted = service({ name: 'reviews', waypoint: bound });
const open = service({ name: 'debug' });
const member = (...keys: readonly string[]) =>
  workload({ name: 'reviews', addresses: ['10.0.0.2'], services: new Map(keys.map((key) => [key, PORTS])) });

function mesh(local: ReturnType<typeof workload>, services: MeshRecords['services'] = []) {
  return storeOf({ workloads: [local, waypoint], services: [front, ...services] });
}

function callBy(
  local: ReturnType<typeof workload>,
  account: string | undefined,
): GuardedConnection & { readonly ended: string[] } {
  const ended: string[] = [];
  const facts = { sourceIp: '10.0.0.1', destinationIp: '10.0.0.2', destinationPort: 8080 };
  return {
    destination: local,
    facts: { ...facts, ...(account !== undefined && { identity: identity(account) }) },
    revoke: (reason) => ended.push(reason),
    ended,
  };
}

describe('a workload has to be called through its waypoint', () => {
  it.each([
    ['when it has one of its own', { ...member(open.key), waypoint: bound }, [open]],
    ['when its only service has one', member(fronted.key), [fronted]],
  ] as const)('%s: by the identities of the waypoint', (_, local, services) => {
    const allowed = itsWaypoints(mesh(local, services).snapshot, local);

    expect([...(allowed ?? [])]).toEqual([identity('waypoint')]);
  });

  it.each([
    ['when it has none', member(), []],
    [
      'when one of its services has none, which a caller may have meant',
      member(fronted.key, open.key),
      [fronted, open],
    ],
    ['when its services are not known', member('shop/gone.shop.svc.cluster.local'), []],
  ] as const)('not %s', (_, local, services) => {
    expect(itsWaypoints(mesh(local, services).snapshot, local)).toBeUndefined();
  });

  it('and is called by nobody while its waypoint is not known', () => {
    const local = { ...member(), waypoint: bound };

    const allowed = itsWaypoints(storeOf({ workloads: [local] }).snapshot, local);

    expect(allowed).toEqual(new Set());
  });
});

describe('the guard that requires waypoints', () => {
  const guarded = () => createPolicyGuard({ log: silentLogger, doorkeepers: itsWaypoints });

  it('admits the waypoint, and neither who calls directly nor plaintext', () => {
    const local = member(fronted.key);
    const { snapshot } = mesh(local, [fronted]);
    const guard = guarded();

    const verdicts = ['waypoint', 'storefront', undefined].map(
      (account) => guard.admit(snapshot, callBy(local, account)).verdict,
    );

    expect(verdicts).toEqual(['allow', 'deny', 'deny']);
  });

  it('ends what was open when the waypoint came, and keeps the waypoint', () => {
    const local = member(open.key);
    const store = mesh(local, [open]);
    const guard = guarded();
    const direct = callBy(local, 'storefront');
    const proper = callBy(local, 'waypoint');
    for (const connection of [direct, proper]) guard.admit(store.snapshot, connection);

    feed(store, { services: [{ ...open, waypoint: bound }] });
    guard.reevaluate(store.snapshot);
    guard.reevaluate(store.snapshot);

    expect(direct.ended).toEqual([expect.stringContaining('through its waypoint only')]);
    expect(proper.ended).toEqual([]);
  });
});

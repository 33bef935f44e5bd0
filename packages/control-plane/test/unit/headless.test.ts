import { describe, expect, it } from 'vitest';
import { scopeRows } from '../../src/admin/index.js';
import { deriveOne, shopIn, viewOf } from '../support/derive.js';
import {
  eastWestGateway,
  GLOBAL,
  type Manifest,
  pod,
  service,
  statefulPod,
  waypoint,
  waypointPod,
} from '../support/objects.js';
import { proxiesOf } from '../support/reach.js';

const HOST = 'db.shop.svc.cluster.local';
const db = (labels = {}, spec = {}) => service('db', { labels, spec: { clusterIP: 'None', ...spec } });
const ports = (cluster: ReturnType<typeof deriveOne>) =>
  cluster.services.get(`shop/db-0.${HOST}`)?.ports.map(({ servicePort, targetPort }) => [servicePort, targetPort]);

function side(id: string, network: string, octet: number, ...objects: readonly Manifest[]) {
  return shopIn(
    id,
    network,
    eastWestGateway(network, `192.0.2.${octet}`, `gateway-of-${id}`),
    pod('client-1', { ip: `10.${octet}.0.1`, account: 'client' }),
    ...objects,
  );
}

const pods = (octet: number, count = 2) =>
  Array.from({ length: count }, (_, index) => statefulPod('db', index, { ip: `10.${octet}.0.${index + 2}` }));

const asked = (name: string, port = 8080) => ({ kind: 'hostname', hostname: name, port }) as const;

describe('a pod of an exported headless Service', () => {
  it('is a service of its own under its own name, with that pod as its member', () => {
    const cluster = deriveOne([db(GLOBAL), ...pods(1)]);

    expect([...cluster.services.keys()]).toEqual([`shop/${HOST}`, `shop/db-0.${HOST}`, `shop/db-1.${HOST}`]);
    expect(cluster.services.get(`shop/db-0.${HOST}`)).toMatchObject({ name: 'db-0', scope: 'global', addresses: [] });
    expect([...(cluster.workloads.get('east//Pod/shop/db-0')?.services.keys() ?? [])]).toEqual([
      `shop/db-0.${HOST}`,
      `shop/${HOST}`,
    ]);
  });

  it('has the ports of the pod, which are what clients of a headless Service ask for', () => {
    const twice = [
      { name: 'a', port: 80, targetPort: 'web' },
      { name: 'b', port: 81, targetPort: 8080 },
      { name: 'c', port: 9042 },
    ];

    expect(ports(deriveOne([db(GLOBAL, { ports: twice }), ...pods(1)]))).toEqual([
      [8080, 8080],
      [9042, 9042],
    ]);
  });

  it.each<[string, readonly Manifest[]]>([
    ['its Service is kept', [db(), ...pods(1)]],
    ['its Service has an address', [service('db', { labels: GLOBAL }), ...pods(1)]],
    ['it names another Service', [db(GLOBAL), statefulPod('db', 0, { spec: { subdomain: 'cache' } })]],
    ['the Service does not select it', [db(GLOBAL), statefulPod('db', 0, { labels: { app: 'cache' } })]],
    ['it has ended', [db(GLOBAL), statefulPod('db', 0, { status: { phase: 'Succeeded' } })]],
    ['it has no name', [db(GLOBAL), pod('db-0')]],
  ])('is no service when %s', (_, objects) => {
    expect([...deriveOne(objects).services.keys()]).toEqual([`shop/${HOST}`]);
  });

  it('is behind its own waypoint, else behind that of its Service', () => {
    const bound = { 'istio.io/use-waypoint': 'own' };
    const forPods = waypoint('own', { labels: { 'istio.io/waypoint-for': 'all' } });
    const front = (...objects: readonly Manifest[]) =>
      deriveOne([...waypoint(), ...forPods, ...objects]).services.get(`shop/db-0.${HOST}`)?.waypoint?.destination;
    const at = (name: string) => ({
      kind: 'hostname',
      name: { namespace: 'shop', hostname: `${name}.shop.svc.cluster.local` },
    });
    const behind = db({ ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' });

    expect(front(behind, ...pods(1))).toEqual(at('waypoint'));
    expect(front(behind, statefulPod('db', 0, { labels: bound }))).toEqual(at('own'));
    expect(front(db(GLOBAL), ...pods(1))).toBeUndefined();
  });
});

describe('the name of a pod', () => {
  it('reaches that pod, here directly and elsewhere through the gateway', () => {
    for (const objects of [pods(2), [...pods(2), ...waypoint(), waypointPod('waypoint', { ip: '10.2.0.9' })]]) {
      const labels = objects.length > 2 ? { ...GLOBAL, 'istio.io/use-waypoint': 'waypoint' } : GLOBAL;
      const mesh = proxiesOf(side('east', 'network-1', 1), side('west', 'network-2', 2, db(labels), ...objects));

      for (const name of ['db-0', 'db-1']) {
        const from = (cluster: string) => mesh.reach(cluster, asked(`${name}.${HOST}`));
        const answered = { answers: new Set([`west//Pod/shop/${name}`]), refusals: new Set() };
        expect(from('east')).toMatchObject({ ...answered, crossed: true });
        expect(from('west')).toMatchObject({ ...answered, crossed: false });
      }
    }
  });

  it('is resolvable elsewhere to an address, at which that pod answers', () => {
    const mesh = proxiesOf(side('east', 'network-1', 1), side('west', 'network-2', 2, db(GLOBAL), ...pods(2)));
    const { addresses } = mesh.view('east', 'ztunnel').services.get(`shop/db-1.${HOST}`)!;
    const ip = addresses.find(({ network }) => network === 'network-1')?.ip ?? '';

    expect(mesh.reach('east', { kind: 'address', ip, port: 8080 }).answers).toEqual(new Set(['west//Pod/shop/db-1']));
  });

  it('crosses to nothing while its Service is kept, and the refusal says that nobody has that name', () => {
    const mesh = proxiesOf(side('east', 'network-1', 1), side('west', 'network-2', 2, db(), ...pods(2)));

    const { answers, refusals, crossed } = mesh.reach('east', asked(`db-0.${HOST}`));

    expect([...answers]).toEqual([]);
    expect(crossed).toBe(false);
    expect([...refusals]).toEqual([expect.stringContaining(`"db-0.${HOST}" is visible`)]);
  });

  it.each(['network-1', 'network-2'])(
    'is of no use where the own cluster keeps the Service to itself, on %s',
    (network) => {
      const mesh = proxiesOf(
        side('east', 'network-1', 1, db(), ...pods(1, 1)),
        side('west', network, 2, db(GLOBAL), ...pods(2, 2)),
      );

      expect([...mesh.reach('east', asked(`db-1.${HOST}`)).answers]).toEqual([]);
      expect([...mesh.view('east', 'ztunnel').services.keys()]).toEqual([`shop/${HOST}`]);
      expect([...mesh.view('east', 'router').services.keys()]).toEqual([]);
      expect(mesh.reach('east', asked(`db-0.${HOST}`)).answers).toEqual(new Set(['east//Pod/shop/db-0']));
    },
  );

  it('is accounted for where people look', () => {
    const reasons = (labels: Record<string, string>) => {
      const sketches = [
        side('east', 'network-1', 1, db(labels), ...pods(1, 1)),
        side('west', 'network-2', 2, db(GLOBAL), ...pods(2, 2)),
      ];
      const rows = scopeRows(viewOf('ztunnel', ...sketches), []).filter(({ cluster }) => cluster === 'west');
      return Object.fromEntries(
        rows.map(({ service, reason }) => [service.replace(/^shop\/|\.?db\.shop.*/g, ''), reason]),
      );
    };

    expect(reasons(GLOBAL)).toMatchObject({
      'db-0': 'the name of one pod, and here it means that of east',
      'db-1': 'exported by west, through the gateways of network-2',
    });
    expect(reasons({})['db-1']).toBe(`a pod of shop/${HOST}, which west exports but east keeps to itself`);
  });

  it.each(['network-1', 'network-2'])('means the own pod where clusters have one of that name, on %s', (network) => {
    const mesh = proxiesOf(
      side('east', 'network-1', 1, db(GLOBAL), ...pods(1, 1)),
      side('west', network, 2, db(GLOBAL), ...pods(2, 2)),
    );

    expect(mesh.reach('east', asked(`db-0.${HOST}`)).answers).toEqual(new Set(['east//Pod/shop/db-0']));
    expect(mesh.reach('west', asked(`db-0.${HOST}`)).answers).toEqual(new Set(['west//Pod/shop/db-0']));
    expect(mesh.reach('east', asked(`db-1.${HOST}`)).answers).toEqual(new Set(['west//Pod/shop/db-1']));
    expect(mesh.reach('east', asked(HOST, 80)).answers).toEqual(
      new Set(['east//Pod/shop/db-0', 'west//Pod/shop/db-0', 'west//Pod/shop/db-1']),
    );
  });

  it('means one and the same pod to who is elsewhere, through whichever of two gateways', () => {
    const mesh = proxiesOf(
      side('east', 'network-1', 1),
      side('north', 'network-2', 2, db(GLOBAL), ...pods(2, 1)),
      side('west', 'network-2', 3, db(GLOBAL), ...pods(3, 1)),
    );

    expect(mesh.reach('east', asked(`db-0.${HOST}`))).toMatchObject({
      answers: new Set(['north//Pod/shop/db-0']),
      refusals: new Set(),
    });
  });

  it('brings no record of its own to who knows the pod', () => {
    const view = viewOf('ztunnel', side('east', 'network-1', 1, db(), ...pods(1)));

    expect([...view.services.keys()]).toEqual([`shop/${HOST}`]);
    const mesh = proxiesOf(side('east', 'network-1', 1, db(), ...pods(1)));
    expect(mesh.reach('east', asked('db-0.db')).answers).toEqual(new Set(['east//Pod/shop/db-0']));
  });
});

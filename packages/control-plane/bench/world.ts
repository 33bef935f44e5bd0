/** Clusters of any size, as objects a control plane would have read: 100 pods and 10 Services in each namespace. */
import { type DerivedCluster, deriveCluster } from '../src/model/index.js';
import { groupObjects, type KubeObject, type ObjectsByNamespace, parseObject } from '../src/sources/index.js';

const PODS = 100;
const SERVICES = 10;

export interface Sketch {
  readonly id: string;
  readonly network: string;
  readonly namespaces: number;
}

/** A cluster whose objects can be exchanged one by one. */
export interface World {
  readonly cluster: DerivedCluster;
  /** Puts another version of one pod in place of the last one. */
  setReady(namespace: number, pod: number, ready: boolean): DerivedCluster;
  setGlobal(namespace: number, service: number, isGlobal: boolean): DerivedCluster;
}

export function createWorld(sketch: Sketch, isLocal: boolean): World {
  const { id, network } = sketch;
  let objects: ObjectsByNamespace = groupObjects([...allObjects(sketch)]);
  const derive = (previous?: DerivedCluster) =>
    deriveCluster(
      { id, network, trustDomain: 'cluster.local', clusterDomain: 'cluster.local', isLocal, objects },
      previous,
    );
  let cluster = derive();

  function replace(object: KubeObject): DerivedCluster {
    objects = withObject(objects, object);
    cluster = derive(cluster);
    return cluster;
  }

  return {
    get cluster() {
      return cluster;
    },
    setReady: (namespace, index, ready) => replace(pod(sketch, namespace, index, ready)),
    setGlobal: (namespace, index, isGlobal) => replace(service(namespace, index, isGlobal)),
  };
}

/** The same objects derived without a previous model: what a control plane would do that remembers nothing. */
export function deriveAnew({ frame, namespaces }: DerivedCluster): DerivedCluster {
  const objects = new Map([...namespaces].map(([name, model]) => [name, model.objects]));
  const { id, network, trustDomain, clusterDomain, isLocal } = frame;
  return deriveCluster({ id, network, trustDomain, clusterDomain, isLocal, objects });
}

/** What a source does with one event of a watch: a new shard for its namespace, the rest as it was. */
function withObject(objects: ObjectsByNamespace, object: KubeObject): ObjectsByNamespace {
  const { kind, metadata } = object;
  const shard = objects.get(metadata.namespace);
  if (!shard) throw new Error(`no namespace ${metadata.namespace}`);
  const list = shard[kind].map((known) => (known.metadata.name === metadata.name ? object : known));
  return new Map(objects).set(metadata.namespace, { ...shard, [kind]: list });
}

function* allObjects(sketch: Sketch): Generator<KubeObject> {
  yield read('v1', 'Namespace', { name: 'istio-system', labels: { 'topology.istio.io/network': sketch.network } });
  yield read(
    'gateway.networking.k8s.io/v1',
    'Gateway',
    { name: 'eastwest', namespace: 'istio-system', labels: { 'topology.istio.io/network': sketch.network } },
    {
      spec: { gatewayClassName: 'istio-east-west', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
      status: { addresses: [{ type: 'IPAddress', value: '192.0.2.1' }] },
    },
  );
  for (let namespace = 0; namespace < sketch.namespaces; namespace++) {
    yield read('v1', 'Namespace', { name: nameOf(namespace), labels: { 'istio.io/dataplane-mode': 'ambient' } });
    for (let index = 0; index < SERVICES; index++) yield service(namespace, index, index % 2 === 0);
    for (let index = 0; index < PODS; index++) yield pod(sketch, namespace, index, true);
  }
}

function nameOf(namespace: number): string {
  return `team-${namespace}`;
}

function service(namespace: number, index: number, isGlobal: boolean): KubeObject {
  const name = `service-${index}`;
  const labels = isGlobal ? { 'istio.io/global': 'true' } : {};
  return read(
    'v1',
    'Service',
    { name, namespace: nameOf(namespace), labels },
    {
      spec: {
        clusterIP: `10.${100 + (namespace >> 8)}.${namespace & 255}.${index + 1}`,
        selector: { app: name },
        ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      },
    },
  );
}

function pod({ network }: Sketch, namespace: number, index: number, ready: boolean): KubeObject {
  const app = `service-${index % SERVICES}`;
  return read(
    'v1',
    'Pod',
    { name: `${app}-5d4f8c7b9-${index}`, namespace: nameOf(namespace), labels: { app, version: 'v1' } },
    {
      spec: { nodeName: `node-${(namespace * PODS + index) % 1000}`, serviceAccountName: app, containers: [] },
      status: {
        phase: 'Running',
        podIP: `10.${network.length + (namespace >> 8)}.${namespace & 255}.${index + 1}`,
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      },
    },
  );
}

function read(apiVersion: string, kind: string, metadata: object, rest: object = {}): KubeObject {
  const origin = { file: 'bench', line: 1, col: 1 };
  const { objects, problems } = parseObject({ apiVersion, kind, metadata, ...rest }, origin);
  const [object] = objects;
  if (!object) throw new Error(`the bench makes a bad ${kind}: ${problems.map(({ message }) => message).join('; ')}`);
  return object;
}

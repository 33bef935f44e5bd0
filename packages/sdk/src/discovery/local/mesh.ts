/**
 * A mesh in a file, in the format of ztunnel's `LOCAL_XDS_PATH`: lists of workloads, services and policies as plain data.
 * All problems are told at once; a file with one is not used at all, because half a mesh routes and allows differently.
 */
import { createProblemList, type Decoded, type Problem } from '../decode/problems.js';
import type { Authorization, ResourceModel, Service, Workload } from '../model.js';
import { type Item, isMapping, shown } from './fields.js';
import { policy } from './policy.js';
import { type LocalService, service } from './service.js';
import { workload } from './workload.js';

export interface LocalMesh {
  readonly workloads: readonly Workload[];
  readonly services: readonly Service[];
  readonly policies: readonly Authorization[];
}

const LISTS = ['workloads', 'services', 'policies'] as const;

/** An empty document is an empty mesh. */
export function readLocalMesh(document: unknown): Decoded<LocalMesh> {
  const root = document ?? {};
  if (!isMapping(root)) {
    return { ok: false, problems: [{ path: '', message: `${shown(document)} is no mapping of ${LISTS.join(', ')}` }] };
  }
  const unknown = Object.keys(root)
    .filter((name) => !LISTS.some((list) => list === name))
    .map((name) => ({ path: name, message: `no such list; there are ${LISTS.join(', ')}` }));
  const workloads = readAll(root.workloads, 'workloads', workload);
  const services = readAll(root.services, 'services', service);
  const policies = readAll(root.policies, 'policies', policy);
  const problems = [
    ...unknown,
    ...workloads.problems,
    ...services.problems,
    ...policies.problems,
    ...repeated(
      'workloads',
      workloads.values.map(({ uid }) => uid),
    ),
    ...repeated(
      'services',
      services.values.map((each) => each.service.key),
    ),
    ...repeated(
      'policies',
      policies.values.map(({ key }) => key),
    ),
    ...strangers(services.values, workloads.values),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      workloads: workloads.values.map((each) => withListed(each, services.values)),
      services: services.values.map((each) => each.service),
      policies: policies.values,
    },
  };
}

/** The mesh as a store takes it. */
export function resourcesOf({ workloads, services, policies }: LocalMesh): readonly ResourceModel[] {
  return [
    ...services.map((value) => ({ kind: 'service', value }) as const),
    ...workloads.map((value) => ({ kind: 'workload', value }) as const),
    ...policies.map((value) => ({ kind: 'policy', value }) as const),
  ];
}

function readAll<T>(value: unknown, list: string, item: Item<T>) {
  const problems: Problem[] = [];
  if (value === undefined || value === null) return { values: [], problems };
  if (!Array.isArray(value)) return { values: [], problems: [{ path: list, message: `${shown(value)} is no list` }] };
  const values = value.map((each, index) => {
    // One list per resource, so that one bad one does not use up the room of the others.
    const noted = createProblemList();
    const read = item(each, `${list}[${index}]`, noted);
    const result = noted.result(read);
    if (!result.ok) problems.push(...result.problems);
    return read;
  });
  return { values, problems };
}

function repeated(list: string, keys: readonly string[]): readonly Problem[] {
  return keys.flatMap((key, index) =>
    key !== '' && keys.indexOf(key) !== index
      ? [{ path: `${list}[${index}]`, message: `${key} is there already, as ${list}[${keys.indexOf(key)}]` }]
      : [],
  );
}

function strangers(services: readonly LocalService[], workloads: readonly Workload[]): readonly Problem[] {
  const known = new Set(workloads.map(({ uid }) => uid));
  return services.flatMap(({ endpoints }, index) =>
    endpoints
      .filter(({ workloadUid }) => !known.has(workloadUid))
      .map(({ workloadUid }) => ({
        path: `services[${index}].endpoints`,
        message: `no workload has uid ${workloadUid}`,
      })),
  );
}

/** What the workload says about its ports comes before what a service says for it. */
function withListed(each: Workload, services: readonly LocalService[]): Workload {
  const listed = services.flatMap(({ service: { key }, endpoints }) =>
    endpoints.filter(({ workloadUid }) => workloadUid === each.uid).map(({ ports }) => [key, ports] as const),
  );
  return listed.length === 0 ? each : { ...each, services: new Map([...listed, ...each.services]) };
}

/** What the API server of the tests does with single objects: reads, creates, replaces under a version, applies. */
import type { Manifest } from './objects.js';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiPath {
  readonly plural: string;
  readonly namespace: string;
  /** Empty: of the whole collection. */
  readonly name: string;
}

/** `/api/v1/namespaces/shop/pods/web-1`, `/apis/apps/v1/deployments`. */
export function parsePath(path: string): ApiPath {
  const parts = path.split('/').slice(path.startsWith('/api/') ? 3 : 4);
  const [first = '', namespace = '', plural = '', name = ''] = parts;
  return first === 'namespaces' && plural !== ''
    ? { plural, namespace, name }
    : { plural: first, namespace: '', name: namespace };
}

const PLURALS: Readonly<Record<string, string>> = {
  EndpointSlice: 'endpointslices',
  WorkloadEntry: 'workloadentries',
  ServiceEntry: 'serviceentries',
  AuthorizationPolicy: 'authorizationpolicies',
};

export const pluralOf = ({ kind }: Manifest) => PLURALS[String(kind)] ?? `${String(kind).toLowerCase()}s`;

export function keyOf(object: Manifest): string {
  const { namespace, name } = object.metadata as { namespace?: string; name?: string };
  return `${pluralOf(object)}/${namespace ?? ''}/${name ?? ''}`;
}

export interface WriteInit {
  readonly method: string;
  readonly path: ApiPath;
  readonly body: Manifest | undefined;
  readonly held: (key: string) => Manifest | undefined;
  /** Gives it a version, and watches hear of it. */
  readonly put: (object: Manifest) => Manifest;
}

export function answerForObject({ method, path, body, held, put }: WriteInit): Answer {
  const { plural, namespace, name } = path;
  const before = held(method === 'POST' && body ? keyOf(body) : `${plural}/${namespace}/${name}`);
  if (method === 'GET')
    return before ? { status: 200, body: before } : statusAnswer(404, `${plural} "${name}" not found`);
  if (!body) return statusAnswer(400, 'no body');
  if (method === 'POST') {
    return before ? statusAnswer(409, `${plural} already exists`) : { status: 201, body: put(body) };
  }
  if (method === 'PATCH') {
    return {
      status: before ? 200 : 201,
      body: put({ ...before, ...body, metadata: { ...metaOf(before), ...metaOf(body) } }),
    };
  }
  if (!before) return statusAnswer(404, `${plural} "${name}" not found`);
  const isStale = metaOf(body).resourceVersion !== metaOf(before).resourceVersion;
  return isStale ? statusAnswer(409, 'the object has been modified') : { status: 200, body: put(body) };
}

function metaOf(object: Manifest | undefined): Manifest {
  return (object?.metadata ?? {}) as Manifest;
}

export function statusAnswer(code: number, message: string): Answer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message } };
}

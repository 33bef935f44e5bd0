/**
 * A Kubernetes API server as far as the control plane goes, over real HTTPS on loopback: pages with continue tokens,
 * chunked watches that start anywhere in its history, bookmarks, 410 Gone both ways, writes, reviews of tokens, and
 * whatever goes wrong on the way.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, realClock } from '@isthmus/sdk/runtime';
import * as x509 from '@peculiar/x509';
import { type Answer, type ApiPath, answerForObject, keyOf, parsePath, pluralOf, statusAnswer } from './api-writes.js';
import type { Manifest } from './objects.js';

export interface ApiServer {
  readonly url: string;
  /** Its certificate, which is its own issuer. */
  readonly caPem: string;
  /** Of an account with this token; by default the one that is accepted. */
  kubeconfig(token?: string): string;
  /** Creates or changes it, which watches hear of. */
  put(object: Manifest): void;
  delete(object: Manifest): void;
  /** Sends watches of a resource a bookmark with the newest version. */
  bookmark(plural: string): void;
  /** Writes to the watches of a resource as it is, and cuts them off afterwards. */
  sendAndCut(plural: string, text: string): void;
  /** Sends the watches of a resource an event as it is. */
  sendEvent(plural: string, event: unknown): void;
  /** Forgets its history: what is older is gone, watches that ask for it are told so in this way. */
  compact(how: 'status' | 'event'): void;
  /** Ends all connections and listens no more; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Answers before any of its own; undefined: its own. */
  intercept: ((request: ApiRequest) => Answer | undefined) | undefined;
  /** The status of a TokenReview. */
  review: (spec: ReviewSpec) => Manifest;
  /** What is there now. */
  object(kind: string, namespace: string, name: string): Manifest | undefined;
  /** Every request that came. */
  readonly requests: readonly ApiRequest[];
  /** Resolves with the first request, past or future, that matches. */
  requested(matches: (request: ApiRequest) => boolean): Promise<ApiRequest>;
  /** Resources that are not installed. */
  readonly absent: Set<string>;
  token: string;
  /** Resolves, and holds lists back until then. */
  hold: Promise<void> | undefined;
}

export interface ReviewSpec {
  readonly token: string;
  readonly audiences: readonly string[];
}

export interface ApiRequest extends ApiPath {
  readonly method: string;
  readonly isWatch: boolean;
  readonly query: URLSearchParams;
}

interface Change {
  readonly version: number;
  readonly plural: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Manifest;
}

export { statusAnswer } from './api-writes.js';

/** Pauses pass fifty times as fast; deadlines, which are 30 s and longer, take their time. */
export const impatientClock: Clock = {
  ...realClock,
  schedule: (delayMs, task) => realClock.schedule(delayMs < 30_000 ? delayMs / 50 : delayMs, task),
};

/** Pauses pass ten times as fast, while nothing runs out before its time. */
export const patientClock: Clock = {
  ...realClock,
  schedule: (delayMs, task) => realClock.schedule(delayMs < 5_000 ? delayMs / 10 : delayMs, task),
};

/** All time passes ten times as fast. */
export const hurriedClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * 10,
  schedule: (delayMs, task) => realClock.schedule(delayMs / 10, task),
};

export async function startApiServer(objects: readonly Manifest[] = []): Promise<ApiServer> {
  const { key, cert } = await selfSigned();
  const held = new Map<string, Manifest>();
  const history: Change[] = [];
  const watches = new Set<{ readonly plural: string; readonly response: ServerResponse }>();
  const sockets = new Set<Socket>();
  const requests: ApiRequest[] = [];
  const waiting = new Set<() => void>();
  let version = 100;
  let floor = 0;
  let goneHow: 'status' | 'event' = 'status';
  let server: Server | undefined;
  let port = 0;

  const watchesOf = (plural: string) => [...watches].filter((each) => each.plural === plural);
  const line = (value: unknown) => `${JSON.stringify(value)}\n`;

  function record(type: Change['type'], object: Manifest): Change {
    version += 1;
    const metadata = { ...(object.metadata as Manifest), resourceVersion: String(version) };
    const change = { version, plural: pluralOf(object), type, object: { ...object, metadata } };
    history.push(change);
    for (const { response } of watchesOf(change.plural)) response.write(line({ type, object: change.object }));
    return change;
  }

  function put(object: Manifest): Manifest {
    const type = held.has(keyOf(object)) ? 'MODIFIED' : 'ADDED';
    const stored = record(type, object).object;
    held.set(keyOf(object), stored);
    return stored;
  }

  function listPage({ plural, query }: ApiRequest): Answer {
    const all = [...held].filter(([key]) => key.startsWith(`${plural}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
    const [startVersion, start] = (query.get('continue') ?? `${version}:0`).split(':').map(Number) as [number, number];
    if (startVersion < floor) return statusAnswer(410, 'The provided continue parameter is too old');
    const limit = Number(query.get('limit') ?? all.length);
    // As the real one: items of lists do not say what they are.
    const items = all.slice(start, start + limit).map(([, { kind: _kind, apiVersion: _version, ...rest }]) => rest);
    const next = start + limit < all.length ? `${startVersion}:${start + limit}` : undefined;
    const metadata = { resourceVersion: String(startVersion), ...(next === undefined ? {} : { continue: next }) };
    return { status: 200, body: { kind: 'List', apiVersion: 'v1', metadata, items } };
  }

  function watch({ plural, query }: ApiRequest, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    const gone = statusAnswer(410, 'too old resource version');
    if (from < floor && goneHow === 'status') {
      answer(response, gone);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (from < floor) {
      response.end(line({ type: 'ERROR', object: gone.body }));
      return;
    }
    for (const change of history)
      if (change.plural === plural && change.version > from)
        response.write(line({ type: change.type, object: change.object }));
    const entry = { plural, response };
    watches.add(entry);
    response.on('close', () => watches.delete(entry));
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', 'https://api');
    const path = parsePath(url.pathname);
    const method = message.method ?? 'GET';
    const request = {
      ...path,
      method,
      isWatch: url.searchParams.get('watch') === '1',
      query: url.searchParams,
    };
    requests.push(request);
    for (const check of waiting) check();
    if (message.headers.authorization !== `Bearer ${api.token}`)
      return answer(response, statusAnswer(401, 'Unauthorized'));
    const intercepted = api.intercept?.(request);
    if (intercepted) return answer(response, intercepted);
    if (api.absent.has(request.plural)) return answer(response, { status: 404, body: '404 page not found\n' });
    if (request.isWatch) return watch(request, response);
    const body = method === 'GET' ? undefined : await readJson(message);
    if (request.plural === 'tokenreviews' && body)
      return answer(response, { status: 201, body: { ...body, status: api.review(body.spec as ReviewSpec) } });
    if (method !== 'GET' || path.name !== '')
      return answer(response, answerForObject({ method, path, body, put, held: (key) => held.get(key) }));
    await api.hold;
    answer(response, listPage(request));
  }

  async function start(): Promise<void> {
    server = createServer({ key, cert }, (message, response) => void handle(message, response));
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  }

  const api: ApiServer = {
    get url() {
      return `https://127.0.0.1:${port}`;
    },
    caPem: cert,
    kubeconfig: (token = api.token) => kubeconfigOf(api.url, cert, token),
    put: (object) => void put(object),
    object: (kind, namespace, name) => held.get(keyOf({ kind, metadata: { namespace, name } })),
    review: () => ({ authenticated: false, error: 'no token is known' }),
    delete(object) {
      held.delete(keyOf(object));
      record('DELETED', object);
    },
    bookmark(plural) {
      version += 1;
      const object = { kind: 'Any', apiVersion: 'v1', metadata: { resourceVersion: String(version) } };
      for (const { response } of watchesOf(plural)) response.write(line({ type: 'BOOKMARK', object }));
    },
    sendAndCut(plural, text) {
      for (const { response } of watchesOf(plural)) response.write(text, () => response.socket?.destroy());
    },
    sendEvent(plural, event) {
      for (const { response } of watchesOf(plural)) response.write(typeof event === 'string' ? event : line(event));
    },
    compact(how) {
      goneHow = how;
      version += 1;
      floor = version;
    },
    async stop() {
      const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    start,
    intercept: undefined,
    requests,
    requested: (matches) =>
      new Promise((resolve) => {
        const check = () => {
          const found = requests.find(matches);
          if (!found) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
    absent: new Set(),
    token: 'token-of-the-control-plane',
    hold: undefined,
  };
  for (const object of objects) put(object);
  await start();
  return api;
}

async function readJson(message: IncomingMessage): Promise<Manifest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Manifest;
}

function answer(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function kubeconfigOf(server: string, caPem: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

async function selfSigned(): Promise<{ readonly key: string; readonly cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=kubernetes API of the test',
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    cert: certificate.toString('pem'),
  };
}

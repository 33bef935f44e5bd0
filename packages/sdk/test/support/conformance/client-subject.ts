/**
 * The client as a subject of conformance: a real HBONE client on loopback behind TLS, and one raw server per case that
 * answers its CONNECT, or does not.
 */
import { dialHbone, type HboneClientConnection } from '../../../src/hbone/index.js';
import { realClock } from '../../../src/runtime/clock.js';
import { Fault } from '../../../src/wire/faults.js';
import type { FrameLog } from '../frame-log.js';
import { createHboneFixture, REVIEWS } from '../hbone-fixture.js';
import { raw } from '../raw-frames.js';
import { serveRaw } from '../raw-tls-server.js';
import { reactionsSince } from './sentinel.js';
import { nameOfEnd } from './server-subject.js';

/** One case: which rule, what the server sends in which state, every frame that must come back, what the user sees. */
export interface ClientCase {
  /** Of RFC 9113, unless it says otherwise. */
  readonly section: string;
  readonly rule: string;
  readonly given?: keyof typeof CLIENT_STATES;
  readonly send: readonly Uint8Array[];
  readonly back: readonly string[];
  /** What the user of the tunnel saw, in order. Checked when given. */
  readonly seen?: readonly string[];
}

const OK = [[':status', '200']] as const;
const END_STREAM = 1;

/** The user's CONNECT is always stream 1. */
export const CLIENT_STATES = {
  'a CONNECT under way': [],
  'a tunnel': [raw.headers(1, OK)],
  'a tunnel the server has ended': [raw.headers(1, OK), raw.data(1, '', END_STREAM)],
  'a tunnel the server has reset': [raw.headers(1, OK), raw.rstStream(1, 8)],
} as const satisfies Record<string, readonly Uint8Array[]>;

interface Outcome {
  readonly back: readonly string[];
  readonly seen: readonly string[];
}

export interface ClientSubject {
  play(row: ClientCase): Promise<Outcome>;
  /** A server that chooses its own opening; what came back includes the client's greeting and its CONNECT. */
  open(opening: readonly Uint8Array[]): Promise<Outcome>;
  close(): Promise<void>;
}

export async function createClientSubject(): Promise<ClientSubject> {
  const fixture = await createHboneFixture();
  const server = await serveRaw(fixture.scope, await fixture.authority.issuePem(REVIEWS));

  async function dial(): Promise<{ client: HboneClientConnection; log: FrameLog }> {
    const accepted = server.accept();
    const client = await dialHbone({
      target: server.address,
      certificate: fixture.web,
      expected: [REVIEWS],
      clock: realClock,
    });
    return { client, log: await accepted };
  }

  return {
    async play({ given = 'a CONNECT under way', send }) {
      const { client, log } = await dial();
      const seen: string[] = [];
      log.send(raw.settings(), raw.settingsAck());
      use(client, seen);
      await log.frame(({ type }) => type === 'HEADERS');
      log.send(...CLIENT_STATES[given]);
      await reactionsSince(log, 0);
      const from = log.frames.length;
      seen.length = 0;
      log.send(...send);
      return end(client, await reactionsSince(log, from), seen);
    },
    async open(opening) {
      const { client, log } = await dial();
      const seen: string[] = [];
      use(client, seen);
      await log.frame(({ type }) => type === 'HEADERS');
      log.send(...opening);
      return end(client, await reactionsSince(log, 0), seen);
    },
    close: () => fixture.close(),
  };
}

/** Closing the connection is not part of the case, so what it makes the user see does not count. */
async function end(client: HboneClientConnection, back: readonly string[], seen: readonly string[]): Promise<Outcome> {
  const outcome = { back, seen: [...seen] };
  await client.close();
  return outcome;
}

/** Asks for a tunnel and notes what becomes of it. */
function use(client: HboneClientConnection, seen: string[]): void {
  client
    .connect({ authority: 'echo:1', headers: [] })
    .then(({ stream }) => {
      seen.push('tunnel');
      stream.handlers = {
        onData: (chunk) => void seen.push(`data ${Buffer.from(chunk).toString()}`),
        onEnd: () => void seen.push('end'),
        onDrain() {},
        onClose: (end) => void seen.push(`closed ${nameOfEnd(end)}`),
      };
    })
    .catch((error: unknown) => void seen.push(error instanceof Fault ? `fault ${error.code}` : `thrown ${error}`));
}

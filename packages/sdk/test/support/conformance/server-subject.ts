/**
 * The server as a subject of conformance: a real HBONE server on loopback behind TLS, and one raw client per case. What
 * the application behind it does is chosen by the name in `:authority`.
 */
import { SettingId } from '@isthmus/codec-wasm';
import type { IncomingConnect, StreamEnd } from '../../../src/hbone/index.js';
import type { PemIdentity } from '../../../src/testing.js';
import { createHboneFixture, type HboneFixture, type RunningServer, WEB } from '../hbone-fixture.js';
import { raw } from '../raw-frames.js';
import { connectRaw, type RawTlsClient } from '../raw-tls-client.js';
import { reactionsSince } from './sentinel.js';

/** One case: which rule, what is sent in which state, and every frame that must come back. */
export interface ServerCase {
  /** Of RFC 9113, unless it says otherwise. */
  readonly section: string;
  readonly rule: string;
  readonly given?: keyof typeof SERVER_STATES;
  readonly send: readonly Uint8Array[];
  /** As `describeFrame` puts it; `closed` when the server hung up. */
  readonly back: readonly string[];
  /** What the applications saw, in order. Checked when given. */
  readonly seen?: readonly string[];
}

/** What has happened on stream 1 before the case begins; the states are the server's (section 5.1). */
export const SERVER_STATES = {
  'nothing but the handshake': [],
  open: [raw.connect(1, 'echo:1')],
  'open, unanswered': [raw.connect(1, 'silent:1')],
  'half-closed (remote)': [raw.connectEnded(1, 'listener:1')],
  'half-closed (local)': [raw.connect(1, 'speaker:1')],
  'closed by END_STREAM': [raw.connectEnded(1, 'speaker:1')],
  'closed by a reset of the client': [raw.connect(1, 'echo:1'), raw.rstStream(1, 8)],
  'closed by a reset of the server': [raw.connect(1, 'resetter:1')],
  // Three bytes are all the client allowed, and it got them.
  'open, its window used up': [
    raw.settings([SettingId.INITIAL_WINDOW_SIZE, 3]),
    raw.connect(1, 'echo:1'),
    raw.data(1, 'abc'),
  ],
  // Streams 1 and 3 were passed over: they count as closed (section 5.1.1).
  'open on stream 5': [raw.connect(5, 'echo:1')],
} as const satisfies Record<string, readonly Uint8Array[]>;

export interface ServerSubject {
  play(row: ServerCase): Promise<{ readonly back: readonly string[]; readonly seen: readonly string[] }>;
  /** A client that chooses its own opening; what came back includes the greeting. */
  open(opening: readonly Uint8Array[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function createServerSubject(): Promise<ServerSubject> {
  const fixture: HboneFixture = await createHboneFixture();
  const identity: PemIdentity = await fixture.authority.issuePem(WEB);
  let seen: string[] = [];
  const running: RunningServer = await fixture.serve((incoming) => serve(incoming, seen));

  async function handshake(): Promise<RawTlsClient> {
    const client = await connectRaw(running.address, identity);
    await reactionsSince(client, 0);
    return client;
  }

  return {
    async play({ given = 'nothing but the handshake', send }) {
      seen = [];
      const mine = seen;
      const client = await handshake();
      client.send(...SERVER_STATES[given]);
      await reactionsSince(client, 0);
      const from = client.frames.length;
      mine.length = 0;
      client.send(...send);
      const back = await reactionsSince(client, from);
      client.socket.destroy();
      return { back, seen: [...mine] };
    },
    async open(opening) {
      const client = await connectRaw(running.address, identity, opening);
      const back = await reactionsSince(client, 0);
      client.socket.destroy();
      return back;
    },
    close: () => fixture.close(),
  };
}

type Application = (incoming: IncomingConnect, seen: string[]) => void;

const APPLICATIONS: Readonly<Record<string, Application>> = {
  /** Sends everything back, and ends when its client does. */
  echo: (incoming, seen) => {
    const stream = observed(incoming, seen, { onEnd: () => stream.end(), onData: (chunk) => stream.write(chunk) });
  },
  /** Hears all and never says a word. */
  listener: (incoming, seen) => {
    observed(incoming, seen, {});
  },
  /** Says one word and ends; hears what comes after that. */
  speaker: (incoming, seen) => {
    const stream = observed(incoming, seen, {});
    stream.write(Buffer.from('word'));
    stream.end();
  },
  /** Breaks off. */
  resetter: (incoming, seen) => {
    observed(incoming, seen, {}).reset(2);
  },
  silent: (incoming, seen) => {
    incoming.signal.addEventListener('abort', () => seen.push('given up'));
  },
  refuser: (incoming) => incoming.refuse(503),
};

function serve(incoming: IncomingConnect, seen: string[]): void {
  const name = incoming.authority?.split(':')[0] ?? '';
  const application = APPLICATIONS[name];
  if (application) application(incoming, seen);
  else incoming.refuse(404);
}

interface Reactions {
  onData?(chunk: Uint8Array): void;
  onEnd?(): void;
}

function observed(incoming: IncomingConnect, seen: string[], { onData, onEnd }: Reactions) {
  const stream = incoming.accept();
  stream.handlers = {
    onData(chunk) {
      seen.push(`data ${Buffer.from(chunk).toString()}`);
      onData?.(chunk);
    },
    onEnd() {
      seen.push('end');
      onEnd?.();
    },
    onDrain() {},
    onClose: (end) => seen.push(`closed ${nameOfEnd(end)}`),
  };
  return stream;
}

export function nameOfEnd(end: StreamEnd): string {
  if (end.kind === 'reset') return `reset by ${end.by} ${end.errorCode}`;
  return end.kind === 'clean' ? 'clean' : 'lost';
}

/** One CONNECT and its answer, with a deadline: from a request to a tunnel or a fault. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../runtime/clock.js';
import { Fault } from '../../wire/faults.js';
import type { Answer } from '../engine/answer.js';
import type { ClientConnection, OpenRequest } from '../engine/client-connection.js';
import { ErrorCode } from '../engine/error-code.js';
import { createTunnelDuplex } from '../io/duplex.js';
import type { ConnectRequest, ReceivedHeaders, Tunnel, TunnelStream } from '../types.js';
import { NotProcessed } from './not-processed.js';

export interface TunnelContext {
  readonly clock: Clock;
  readonly peerIdentity: string;
  /** See `Tunnel.lastCall`. */
  readonly lastCall: AbortSignal;
  /** The peer in messages. */
  readonly name: string;
  /** Unless the request says otherwise. */
  readonly timeoutMs: number;
}

export async function openTunnel(
  connection: ClientConnection,
  request: ConnectRequest,
  context: TunnelContext,
): Promise<Tunnel> {
  const { authority, signal, timeoutMs = context.timeoutMs } = request;
  signal?.throwIfAborted();
  if (connection.availableStreams === 0) {
    throw new NotProcessed('refused', 'TUNNEL_LOST', `the connection with ${context.name} takes no more streams`);
  }
  const { stream, answer } = await ask(connection, request, context.clock, timeoutMs);
  if (answer.kind === 'answered' && answer.status === 200) return createTunnel(stream, answer.headers, context);
  stream.reset(ErrorCode.CANCEL);
  signal?.throwIfAborted();
  throw faultOfAnswer(answer, `CONNECT ${authority}`, { peer: context.name, timeoutMs });
}

interface Asked {
  readonly stream: TunnelStream;
  readonly answer: Answer | typeof LATE;
}

/** Sends the CONNECT and waits for its answer; `late` when the deadline or the signal comes first. */
function ask(
  connection: ClientConnection,
  { authority, headers, signal }: ConnectRequest,
  clock: Clock,
  timeoutMs: number,
): Promise<Asked> {
  return new Promise((resolve) => {
    const giveUp = () => settle(LATE);
    const settle = (answer: Asked['answer']) => {
      cancelDeadline();
      signal?.removeEventListener('abort', giveUp);
      resolve({ stream, answer });
    };
    const stream = openStream(connection, { authority, headers, answered: settle });
    const cancelDeadline = clock.schedule(timeoutMs, giveUp);
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}

function openStream(connection: ClientConnection, request: OpenRequest): TunnelStream {
  try {
    return connection.open(request);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const what = `CONNECT ${JSON.stringify(request.authority)}`;
    throw new Fault('CONNECT_FAILED', `${what} cannot be sent: ${detail}`, { cause });
  }
}

const LATE = { kind: 'late' } as const;

function createTunnel(
  stream: TunnelStream,
  responseHeaders: ReceivedHeaders,
  { peerIdentity, lastCall }: TunnelContext,
): Tunnel {
  let face: Duplex | undefined;
  return {
    stream,
    responseHeaders,
    peerIdentity,
    lastCall,
    duplex() {
      face ??= createTunnelDuplex(stream);
      return face;
    },
  };
}

/** A policy's no: ztunnel's code, and that of Envoy's RBAC filter, which waypoints and gateways of Istio put before their tunnels. */
const DENIALS: ReadonlySet<number> = new Set([401, 403]);

function faultOfAnswer(
  answer: Answer | typeof LATE,
  what: string,
  { peer, timeoutMs }: { readonly peer: string; readonly timeoutMs: number },
): Fault {
  switch (answer.kind) {
    case 'late':
      return new Fault('CONNECT_TIMEOUT', `${peer} did not answer ${what} within ${timeoutMs} ms`);
    case 'answered':
      if (DENIALS.has(answer.status))
        return new Fault('POLICY_DENY', `${peer} answered ${what} with ${answer.status}: a policy there denies it`);
      return new Fault('TUNNEL_REFUSED', `${peer} answered ${what} with status ${answer.status}`);
    case 'unprocessed':
      return new NotProcessed('refused', 'TUNNEL_REFUSED', `${peer} did not process ${what}: ${answer.reason}`);
    case 'reset':
      return new Fault('TUNNEL_REFUSED', `${what} at ${peer} failed: ${answer.reason}`);
    case 'lost': {
      const code = answer.error instanceof Fault ? answer.error.code : 'TUNNEL_LOST';
      const message = `${what} was not answered: ${answer.error.message}`;
      // A rejected certificate will be rejected again.
      if (code === 'TLS_FAILURE') return new Fault(code, message, { cause: answer.error });
      return new NotProcessed('lost', code, message, { cause: answer.error });
    }
  }
}

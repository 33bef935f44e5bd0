/**
 * A SOCKS5 entry for one workload. The success reply is sent only when the destination is connected, so a client learns
 * the truth (ztunnel replies first). A client that does not finish its handshake within `HANDSHAKE_MS` is dropped; what
 * it sent besides the handshake stays in the socket.
 */
import type { Socket } from 'node:net';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { Socks5Listener } from '../config.js';
import { clientOf } from './client.js';
import { createSocks5Handshake, REPLY, replyBytes, replyOf, type Socks5Step } from './socks5.js';
import { listenTcp } from './tcp-listener.js';
import type { Captured } from './types.js';

/** Local clients answer at once; the rest is a probe or stuck. */
const HANDSHAKE_MS = 10_000;

export interface CaptureInit {
  readonly clock: Clock;
  readonly log: Logger;
  readonly keepAliveMs: number;
  readonly drain: AbortSignal;
  onCaptured(captured: Captured): void;
}

/** Resolves with the bound port. */
export function serveSocks5(scope: Scope, { address, workload }: Socks5Listener, init: CaptureInit): Promise<number> {
  const { log, keepAliveMs, drain, onCaptured } = init;
  const handshakes = new Set<Socket>();
  scope.own(() => {
    for (const socket of handshakes) socket.destroy();
  });
  return listenTcp(scope, {
    address,
    keepAliveMs,
    drain,
    log,
    onConnection(socket) {
      const client = clientOf(socket);
      handshakes.add(socket);
      readHandshake(socket, init, (step) => {
        handshakes.delete(socket);
        if (step.kind === 'request')
          return onCaptured({ workload, target: step.target, socket, ...client, ...answers(socket) });
        log.debug({ client: client.clientAddress, reason: step.reason }, 'SOCKS5 handshake refused');
        if (step.bytes) socket.end(step.bytes, () => socket.destroy());
        else socket.destroy();
      });
    },
  });
}

function answers(socket: Socket): Pick<Captured, 'accept' | 'refuse'> {
  return {
    accept: () => void socket.write(replyBytes(REPLY.succeeded)),
    refuse: (code) => void socket.end(replyBytes(replyOf(code)), () => socket.destroy()),
  };
}

type HandshakeEnd = Extract<Socks5Step, { kind: 'request' | 'refuse' }>;

/** Calls back exactly once, with the socket paused. */
function readHandshake(socket: Socket, { clock }: CaptureInit, done: (end: HandshakeEnd) => void): void {
  const handshake = createSocks5Handshake();
  const cancel = clock.schedule(HANDSHAKE_MS, () => finish({ kind: 'refuse', reason: 'handshake took too long' }));
  let finished = false;

  function finish(end: HandshakeEnd): void {
    if (finished) return;
    finished = true;
    cancel();
    socket.pause();
    socket.off('data', onData).off('end', onGone).off('close', onGone);
    if (end.kind === 'request' && end.rest.length > 0) socket.unshift(end.rest);
    done(end);
  }
  function onGone(): void {
    finish({ kind: 'refuse', reason: 'the client left during the handshake' });
  }
  function onData(chunk: Buffer): void {
    handshake.push(chunk);
    let step = handshake.next();
    for (; step.kind === 'send'; step = handshake.next()) socket.write(step.bytes);
    if (step.kind !== 'more') finish(step);
  }

  // A reset is followed by `close`, which ends the handshake; without a listener it would end the process.
  socket.on('error', () => {});
  socket.on('data', onData).on('end', onGone).on('close', onGone);
  socket.resume();
}

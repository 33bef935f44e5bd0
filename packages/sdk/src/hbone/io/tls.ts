/**
 * mTLS as the mesh speaks it: TLS 1.3, ALPN `h2`, no SNI, both ends with a certificate. The chain is verified by
 * OpenSSL against our roots; who the peer is comes from its SPIFFE URI alone, host names mean nothing.
 *
 * Failures are faults; the transport is destroyed with them and nothing of ours was sent.
 */
import type { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import { goAwaySize, settingsSize, writeGoAway, writeSettings } from '@isthmus/codec-wasm';
import { urisOf } from '../../identity/spiffe-san.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import { Fault } from '../../wire/faults.js';
import { parseSpiffeId } from '../../wire/spiffe.js';
import { ErrorCode } from '../engine/error-code.js';

import { faultOfHandshake } from './tls-faults.js';

const ALPN = 'h2';
const REFUSAL_LINGER_MS = 1_000;

export interface TlsInit {
  /** A connected TCP socket, or the Duplex of a tunnel. */
  readonly transport: Duplex;
  readonly certificate: WorkloadCertificate;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** The peer in messages. */
  readonly peer: string;
  readonly signal?: AbortSignal;
}

export interface SecureTransport {
  readonly socket: TLSSocket;
  /** SPIFFE URI of the verified peer. */
  readonly peerIdentity: string;
}

/**
 * The client end. One URI name of the peer must equal one of `expected`: no prefixes, no aliases, and an empty list
 * matches nobody. Note that a server's rejection of our certificate arrives only after this has resolved (TLS 1.3).
 */
export async function connectTls(init: TlsInit, expected: readonly string[]): Promise<SecureTransport> {
  const socket = connect({
    socket: init.transport,
    secureContext: init.certificate.secureContext,
    ALPNProtocols: [ALPN],
    rejectUnauthorized: true,
    // Identity is checked below, by SPIFFE id; the default check would look for a host name.
    checkServerIdentity: () => undefined,
  });
  await handshake(socket, 'secureConnect', init);
  const outcome = serverIdentity(socket, init, expected);
  if (typeof outcome === 'string') return { socket, peerIdentity: outcome };
  socket.destroy();
  init.transport.destroy();
  throw outcome;
}

/** The server end. The client must prove a SPIFFE id of our own trust domain; who it is beyond that is policy. */
export async function acceptTls(init: TlsInit): Promise<SecureTransport> {
  const socket = new TLSSocket(init.transport, {
    isServer: true,
    secureContext: init.certificate.secureContext,
    ALPNProtocols: [ALPN],
    requestCert: true,
    rejectUnauthorized: true,
  });
  await handshake(socket, 'secure', init);
  const outcome = clientIdentity(socket, init);
  if (typeof outcome === 'string') return { socket, peerIdentity: outcome };
  refuse(socket, outcome, init.clock);
  throw outcome;
}

function serverIdentity(socket: TLSSocket, { peer }: TlsInit, expected: readonly string[]): string | Fault {
  if (socket.alpnProtocol !== ALPN) return noHttp2(peer);
  const names = uriNames(socket);
  const identity = names.find((name) => expected.includes(name));
  if (identity !== undefined) return identity;
  const wanted = expected.length > 0 ? expected.join(' or ') : 'nobody (the list of expected identities is empty)';
  return new Fault('IDENTITY_MISMATCH', `${peer} proved ${named(names)}; expected ${wanted}`);
}

function clientIdentity(socket: TLSSocket, { peer, certificate: { trustDomain } }: TlsInit): string | Fault {
  if (socket.alpnProtocol !== ALPN) return noHttp2(peer);
  const rejected = clientVerifyError(socket);
  if (rejected) return faultOfHandshake(rejected, peer);
  const names = uriNames(socket);
  const identity = names.find((name) => parseSpiffeId(name)?.trustDomain === trustDomain);
  if (identity !== undefined) return identity;
  return new Fault('IDENTITY_MISMATCH', `${peer} proved ${named(names)}, which is not of trust domain ${trustDomain}`);
}

function noHttp2(peer: string): Fault {
  return new Fault('TLS_FAILURE', `${peer} did not agree on HTTP/2 (ALPN h2)`);
}

function uriNames(socket: TLSSocket): readonly string[] {
  return urisOf(socket.getPeerX509Certificate()?.subjectAltName);
}

function named(names: readonly string[]): string {
  return names.length > 0 ? names.join(', ') : 'no SPIFFE identity';
}

/**
 * In TLS 1.3 the client has finished its handshake before we judge it, and Node cannot send an alert of our choice. So
 * the reason goes where a client can read it: a GOAWAY. It says nothing that our own certificate has not said.
 */
function refuse(socket: TLSSocket, fault: Fault, clock: Clock): void {
  const reason = Buffer.from(fault.message);
  const farewell = new Uint8Array(settingsSize(0) + goAwaySize(reason.length));
  writeGoAway(farewell, writeSettings(farewell, 0, []), 0, ErrorCode.INADEQUATE_SECURITY, reason);
  socket.end(farewell);
  socket.resume();
  const cancel = clock.schedule(REFUSAL_LINGER_MS, () => socket.destroy());
  socket.once('close', cancel);
}

/**
 * OpenSSL's verdict on the client's chain. A TLSSocket made by hand only stores it (`tls.Server` is what reads it in
 * Node), so it is read here; should Node ever move it, nobody gets in.
 */
function clientVerifyError(socket: TLSSocket): Error | undefined {
  const { ssl } = socket as unknown as { readonly ssl?: { verifyError?(): Error | null } };
  if (typeof ssl?.verifyError !== 'function')
    return new Error('this Node does not tell whether a client certificate is valid');
  return ssl.verifyError() ?? undefined;
}

/** Resolves on `event`; rejects with a fault, the transport destroyed, on anything else. */
function handshake(socket: TLSSocket, event: 'secureConnect' | 'secure', init: TlsInit): Promise<void> {
  const { transport, clock, timeoutMs, peer, signal } = init;
  return new Promise((resolve, reject) => {
    const cancelDeadline = clock.schedule(timeoutMs, () =>
      fail(new Fault('CONNECT_TIMEOUT', `${peer} did not finish the TLS handshake within ${timeoutMs} ms`)),
    );
    const onClose = () => fail(new Error('the connection was closed'));
    const onAbort = () => fail(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    const onSecure = () => {
      cleanUp();
      resolve();
    };
    // Stays: the transport under TLS may fail on its own at any time, and unheard its error would end the process.
    const onTransportError = (error: Error) => socket.destroy(error);

    function cleanUp(): void {
      cancelDeadline();
      socket.off(event, onSecure).off('close', onClose).off('error', fail).on('error', ignore);
      signal?.removeEventListener('abort', onAbort);
    }
    function fail(error: Error): void {
      cleanUp();
      socket.destroy();
      transport.destroy();
      reject(signal?.aborted ? error : faultOfHandshake(error, peer));
    }
    socket.on(event, onSecure).on('close', onClose).on('error', fail);
    transport.on('error', onTransportError);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Errors of a socket that is already given up, or whose errors its next owner hears too. */
function ignore(): void {}

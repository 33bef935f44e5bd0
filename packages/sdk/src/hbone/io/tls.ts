/**
 * mTLS as the mesh speaks it: TLS 1.3, ALPN `h2`, no SNI, both ends with a certificate. The chain is verified by
 * OpenSSL against our roots; who the peer is comes from its SPIFFE URI alone, host names mean nothing. Where it is known
 * whose roots are whose, a name counts only under the roots of its trust domain.
 *
 * A resumed session is judged by what was proved when it began, as if that had just been said: names, validity and
 * revocation against what holds now. What was proved and cannot be had any more lets nobody in.
 *
 * Failures are faults; the transport is destroyed with them and nothing of ours was sent.
 */
import type { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import { goAwaySize, settingsSize, writeGoAway, writeSettings } from '@isthmus/codec-wasm';
import type { Revocations } from '../../identity/revocation.js';
import type { WorkloadCertificate } from '../../identity/types.js';
import type { Clock } from '../../runtime/clock.js';
import { Fault } from '../../wire/faults.js';
import { parseSpiffeId } from '../../wire/spiffe.js';
import { ErrorCode } from '../engine/error-code.js';
import { type Judged, provenBy, revokedFault } from './peer-guard.js';
import { type ClientProofs, isWhole, type PeerProof, readProof } from './peer-proof.js';
import { faultOfHandshake } from './tls-faults.js';
import type { TlsSessions } from './tls-sessions.js';

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
  readonly revocations?: Revocations | undefined;
  readonly signal?: AbortSignal;
}

export interface ConnectTlsInit extends TlsInit {
  /** Any of these SPIFFE URIs must be a name of the peer. */
  readonly expected: readonly string[];
  /** Without them every handshake is a full one. */
  readonly sessions?: TlsSessions | undefined;
}

export interface AcceptTlsInit extends TlsInit {
  /** Needed with `revocations`, and where trust domains differ, to know the chain of a client that resumes. */
  readonly proofs?: ClientProofs | undefined;
}

export interface SecureTransport extends Judged {
  readonly socket: TLSSocket;
}

/**
 * The client end. One URI name of the peer must equal one of `expected`: no prefixes, no aliases, and an empty list
 * matches nobody. Note that a server's rejection of our certificate arrives only after this has resolved (TLS 1.3).
 */
export async function connectTls(init: ConnectTlsInit): Promise<SecureTransport> {
  const { certificate, clock, sessions } = init;
  const kept = sessions?.find(init, clock.now());
  const socket = connect({
    socket: init.transport,
    secureContext: certificate.secureContext,
    ALPNProtocols: [ALPN],
    rejectUnauthorized: true,
    // Identity is checked below, by SPIFFE id; the default check would look for a host name.
    checkServerIdentity: () => undefined,
    ...(kept && { session: kept.ticket }),
  });
  const proof = () => (socket.isSessionReused() ? kept?.proof : readProof(socket));
  const tickets = sessions ? takeTickets(socket) : undefined;
  try {
    await handshake(socket, 'secureConnect', init);
    const judged = await judgeServer(socket, init, proof());
    // A resumed session of TLS 1.2 agrees on no new keys.
    if (socket.getProtocol() === 'TLSv1.3') {
      tickets?.onTicket((ticket) => sessions?.keep(init, { ticket, proof: judged.proof }, clock.now()));
    }
    return { socket, ...judged };
  } catch (error) {
    if (kept) sessions?.drop(init);
    socket.destroy();
    init.transport.destroy();
    throw error;
  }
}

/** The server end. The client must prove a SPIFFE id of a trusted domain; who it is beyond that is policy. */
export async function acceptTls(init: AcceptTlsInit): Promise<SecureTransport> {
  const socket = new TLSSocket(init.transport, {
    isServer: true,
    secureContext: init.certificate.secureContext,
    ALPNProtocols: [ALPN],
    requestCert: true,
    rejectUnauthorized: true,
  });
  await handshake(socket, 'secure', init);
  try {
    return { socket, ...(await judgeClient(socket, init)) };
  } catch (error) {
    if (error instanceof Fault) refuse(socket, error, init.clock);
    else socket.destroy();
    throw error;
  }
}

/** Tickets come some time after the handshake, and perhaps before the peer has been judged. */
function takeTickets(socket: TLSSocket): { onTicket(take: (ticket: Buffer) => void): void } {
  let early: Buffer | undefined;
  let take = (ticket: Buffer) => {
    early = ticket;
  };
  socket.on('session', (ticket) => take(ticket));
  return {
    onTicket(listener) {
      take = listener;
      if (early) listener(early);
    },
  };
}

async function judgeServer(socket: TLSSocket, init: ConnectTlsInit, proof: PeerProof | undefined): Promise<Judged> {
  const { peer, expected } = init;
  if (socket.alpnProtocol !== ALPN) throw noHttp2(peer);
  if (!proof) throw new Fault('TLS_FAILURE', `${peer}: what its certificate proved is not known`);
  const peerIdentity = proof.names.find((name) => expected.includes(name));
  if (peerIdentity === undefined) {
    const wanted = expected.length > 0 ? expected.join(' or ') : 'nobody (the list of expected identities is empty)';
    throw new Fault('IDENTITY_MISMATCH', `${peer} proved ${named(proof.names)}; expected ${wanted}`);
  }
  const judged = { peerIdentity, proof };
  await stillHolds(judged, init);
  return judged;
}

async function judgeClient(socket: TLSSocket, init: AcceptTlsInit): Promise<Judged> {
  const { peer, certificate, clock, revocations, proofs } = init;
  if (socket.alpnProtocol !== ALPN) throw noHttp2(peer);
  const rejected = clientVerifyError(socket);
  if (rejected) throw faultOfHandshake(rejected, peer);
  const { trustDomain, trust } = certificate;
  const domains = trust?.bundles ?? new Set([trustDomain]);
  // Without lists, and with one domain, the leaf is all that is needed, and a ticket carries it.
  const needsChain = revocations !== undefined || domains.size > 1;
  // Where bundles are told they may change while the connection is open, and then the chain is asked for.
  const proof = proofs && (revocations || trust) ? proofs.of(socket, clock.now()) : readProof(socket);
  if (!proof || (needsChain && proof.isLeafOnly))
    throw new Fault('TLS_FAILURE', `${peer}: what its certificate proved is not known`);
  const peerIdentity = proof.names.find((name) => domains.has(parseSpiffeId(name)?.trustDomain ?? ''));
  if (peerIdentity === undefined) {
    const message = `${peer} proved ${named(proof.names)}, which is not of trust domain ${[...domains.keys()].join(' or ')}`;
    throw new Fault('IDENTITY_MISMATCH', message);
  }
  const judged = { peerIdentity, proof };
  await stillHolds(judged, init);
  return judged;
}

/** OpenSSL looks at none of it when a session is resumed, and at lists and trust domains of ours never. */
async function stillHolds(judged: Judged, init: TlsInit): Promise<void> {
  const { peer, certificate, clock, revocations } = init;
  const { notAfter, chain } = judged.proof;
  // NaN, of a date that cannot be read, is not over either, so it is asked this way round.
  if (!(notAfter > clock.now())) throw new Fault('TLS_FAILURE', `TLS with ${peer} failed: its certificate has expired`);
  const untrusted = certificate.trust?.refusal(provenBy(judged, certificate, clock.now()));
  if (untrusted !== undefined)
    throw new Fault('TLS_FAILURE', `TLS with ${peer} failed: it says it is ${judged.peerIdentity}, and ${untrusted}`);
  if (!revocations) return;
  if (!isWhole(chain(), certificate)) {
    throw new Fault('TLS_FAILURE', `${peer}: who issued its certificate cannot be told, so nor whether it is revoked`);
  }
  const reason = await revocations.check(chain());
  if (reason !== undefined) throw revokedFault(peer, reason);
}

function noHttp2(peer: string): Fault {
  return new Fault('TLS_FAILURE', `${peer} did not agree on HTTP/2 (ALPN h2)`);
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

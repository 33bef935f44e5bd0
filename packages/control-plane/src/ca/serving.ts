/**
 * The control plane's own certificates: from its own CA, for the configured hosts, renewed at half their life. And the
 * gRPC credentials that use them: TLS 1.3 only, client certificates asked for but not demanded, because proxies come
 * with a token before they have one, and peers with an invitation.
 */
import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import { BACKDATE_MS, publicKeyDer, signCertificate, toPem } from './certificates.js';
import { leafExtensions } from './issuer.js';
import { generateKey } from './keys.js';
import type { CaStore } from './store.js';
import * as x509 from './x509.js';

/** A peer that does not finish its handshake by then costs a socket no longer. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A failed renewal is tried again after this; half a life is left for it to succeed. */
const RETRY_MS = 60_000;

export interface ServingInit {
  readonly hosts: readonly string[];
  /** SPIFFE URI that the certificate states besides. */
  readonly identity?: string;
  /** Whose client certificates are believed, PEM; read at each renewal and refresh. Default: the own CA's roots. */
  readonly clientRoots?: () => string;
  readonly ttlMs: number;
  readonly store: CaStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Serving {
  readonly credentials: ServerCredentials;
  /** The certificate as it is now, with its chain, and its key; PEM. */
  readonly current: { readonly cert: string; readonly key: string };
  /** Puts what `clientRoots` says now in force, for connections from now on. */
  refresh(): void;
}

export async function createServing(scope: Scope, init: ServingInit): Promise<Serving> {
  const { store, clock, log } = init;
  let cancelTimer = () => {};
  let renewing: Promise<void> = Promise.resolve();
  scope.own(() => cancelTimer());
  let current = await issueServing(init);
  const credentials = new RotatingCredentials(contextOf(init, current));
  renewAfter(halfLifeMs(current.notAfter));
  store.onReplaced(renew);

  function renewAfter(delayMs: number): void {
    cancelTimer();
    if (scope.signal.aborted) return;
    // Node's timers hold 31 bits of milliseconds; a longer life is simply looked at sooner.
    cancelTimer = clock.schedule(Math.min(delayMs, 2 ** 31 - 1), renew);
  }

  /** One after the other: a CA that was replaced meanwhile has the last word. */
  function renew(): void {
    renewing = renewing.then(async () => {
      try {
        current = await issueServing(init);
        refresh();
        log.info({ notAfter: current.notAfter, hosts: init.hosts }, 'serving certificate renewed');
        renewAfter(halfLifeMs(current.notAfter));
      } catch (error) {
        log.error({ err: error }, 'serving certificate could not be renewed');
        renewAfter(RETRY_MS);
      }
    });
  }

  function halfLifeMs(notAfter: Date): number {
    return Math.max(RETRY_MS, (notAfter.getTime() - clock.now()) / 2);
  }

  function refresh(): void {
    credentials.update(contextOf(init, current));
  }

  return {
    credentials,
    get current() {
      return current;
    },
    refresh,
  };
}

interface IssuedServing {
  readonly cert: string;
  readonly key: string;
  readonly notAfter: Date;
}

function contextOf({ store, clientRoots }: ServingInit, { cert, key }: IssuedServing): SecureContextOptions {
  return { cert, key, ca: clientRoots?.() ?? store.current.roots };
}

async function issueServing({ hosts, identity, ttlMs, store, clock }: ServingInit): Promise<IssuedServing> {
  const ca = store.current;
  const key = generateKey();
  const leaf = await signCertificate({
    signer: ca,
    publicKey: new x509.PublicKey(publicKeyDer(key)),
    notBefore: new Date(clock.now() - BACKDATE_MS),
    notAfter: new Date(clock.now() + ttlMs),
    extensions: leafExtensions([
      ...(identity === undefined ? [] : [{ type: 'url', value: identity } as const]),
      ...hosts.map((host) => ({ type: isIP(host) ? 'ip' : 'dns', value: host }) as const),
    ]),
  });
  const cert = [toPem(leaf), ...ca.intermediates].join('');
  return { cert, key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), notAfter: leaf.notAfter };
}

/**
 * grpc-js rotates through `updateSecureContextOptions`; its own credentials either demand client certificates or
 * never ask.
 */
class RotatingCredentials extends ServerCredentials {
  constructor(context: SecureContextOptions) {
    super(
      { requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3', handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
      context,
    );
  }

  update(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

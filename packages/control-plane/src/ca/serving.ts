/**
 * The control plane's own certificate: from its own CA, for the configured hosts, renewed at half its life. And the
 * gRPC credentials that use it: TLS 1.3 only, client certificates asked for but not demanded, because proxies come
 * with a token before they have one.
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
  readonly ttlMs: number;
  readonly store: CaStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export async function createServing(scope: Scope, init: ServingInit): Promise<ServerCredentials> {
  const { store, clock, log } = init;
  let cancelTimer = () => {};
  scope.own(() => cancelTimer());
  const first = await issueServing(init);
  const credentials = new RotatingCredentials(first.context);
  renewAfter(halfLifeMs(first.notAfter));
  store.onReplaced(renew);

  function renewAfter(delayMs: number): void {
    cancelTimer();
    if (scope.signal.aborted) return;
    // Node's timers hold 31 bits of milliseconds; a longer life is simply looked at sooner.
    cancelTimer = clock.schedule(Math.min(delayMs, 2 ** 31 - 1), renew);
  }

  function renew(): void {
    issueServing(init).then(
      ({ context, notAfter }) => {
        credentials.update(context);
        log.info({ notAfter, hosts: init.hosts }, 'serving certificate renewed');
        renewAfter(halfLifeMs(notAfter));
      },
      (error: unknown) => {
        log.error({ err: error }, 'serving certificate could not be renewed');
        renewAfter(RETRY_MS);
      },
    );
  }

  function halfLifeMs(notAfter: Date): number {
    return Math.max(RETRY_MS, (notAfter.getTime() - clock.now()) / 2);
  }

  return credentials;
}

async function issueServing({
  hosts,
  ttlMs,
  store,
  clock,
}: ServingInit): Promise<{ context: SecureContextOptions; notAfter: Date }> {
  const ca = store.current;
  const key = generateKey();
  const leaf = await signCertificate({
    signer: ca,
    publicKey: new x509.PublicKey(publicKeyDer(key)),
    notBefore: new Date(clock.now() - BACKDATE_MS),
    notAfter: new Date(clock.now() + ttlMs),
    extensions: leafExtensions(hosts.map((host) => ({ type: isIP(host) ? 'ip' : 'dns', value: host }))),
  });
  const cert = [toPem(leaf), ...ca.intermediates].join('');
  return {
    context: { cert, key: key.export({ type: 'pkcs8', format: 'pem' }), ca: ca.roots },
    notAfter: leaf.notAfter,
  };
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

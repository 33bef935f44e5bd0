/**
 * The control plane's own certificate: from its own CA, for the configured hosts, renewed at half its life. And the gRPC credentials that use
 * it: TLS 1.3 only, client certificates asked for but not demanded, because proxies come with a token before they have one.
 */
import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import type { CaMaterial } from './cacerts.js';
import { BACKDATE_MS, publicKeyDer, signCertificate, toPem } from './certificates.js';
import { leafExtensions } from './issuer.js';
import { generateKey } from './keys.js';
import * as x509 from './x509.js';

/** A peer that does not finish its handshake by then costs a socket no longer. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A failed renewal is tried again after this; half a life is left for it to succeed. */
const RETRY_MS = 60_000;

export interface ServingInit {
  readonly hosts: readonly string[];
  readonly ttlMs: number;
  readonly material: () => CaMaterial;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Serving {
  readonly credentials: ServerCredentials;
  /** Signs anew at once; after the CA changed. */
  renew(): Promise<void>;
}

export async function createServing(scope: Scope, init: ServingInit): Promise<Serving> {
  const { clock, log } = init;
  let cancelTimer = () => {};
  scope.own(() => cancelTimer());
  const first = await issueServing(init);
  const credentials = new RotatingCredentials(first.context);
  scheduleRenewal(first.notAfter);

  async function renew(): Promise<void> {
    const next = await issueServing(init);
    credentials.update(next.context);
    log.info({ notAfter: next.notAfter, hosts: init.hosts }, 'serving certificate renewed');
    scheduleRenewal(next.notAfter);
  }

  function scheduleRenewal(notAfter: Date): void {
    const halfLifeMs = Math.max(RETRY_MS, (notAfter.getTime() - clock.now()) / 2);
    renewAfter(halfLifeMs);
  }

  function renewAfter(delayMs: number): void {
    cancelTimer();
    if (scope.signal.aborted) return;
    // Node's timers hold 31 bits of milliseconds; a longer life is simply looked at sooner.
    cancelTimer = clock.schedule(Math.min(delayMs, 2 ** 31 - 1), () => {
      renew().catch((error: unknown) => {
        log.error({ err: error }, 'serving certificate could not be renewed');
        renewAfter(RETRY_MS);
      });
    });
  }

  return { credentials, renew };
}

async function issueServing({
  hosts,
  ttlMs,
  material,
  clock,
}: ServingInit): Promise<{ context: SecureContextOptions; notAfter: Date }> {
  const ca = material();
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

/** grpc-js rotates through `updateSecureContextOptions`; its own credentials either demand client certificates or never ask. */
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

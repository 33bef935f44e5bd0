/**
 * Certificates from a control plane by istio.v1.auth. A connection per request: requests are rare (one per identity and
 * half certificate life), and each then uses the roots and the token of the moment.
 */
import { create } from '@bufbuild/protobuf';
import { type ServiceError, status } from '@grpc/grpc-js';
import { type ControlPlaneAccess, type ControlPlaneConnection, connectControlPlane } from '../runtime/control-plane.js';
import { failureOf } from '../runtime/grpc-client.js';
import { Fault } from '../wire/faults.js';
import { citadelPb } from '../wire/protos.js';
import { certificateService } from '../wire/services.js';

export interface CertificateAuthority {
  /**
   * PEM elements: leaf, intermediates, roots. Rejects with a `Fault` `IDENTITY_UNAVAILABLE` that says whom it asked for
   * what, and carries the CA's own words; its cause is the gRPC error where there was one.
   */
  sign(request: CertificateRequest, signal: AbortSignal): Promise<readonly string[]>;
}

export interface CertificateRequest {
  /** SPIFFE URI. */
  readonly identity: string;
  /** PKCS#10, PEM. */
  readonly csr: string;
}

export type CaClientInit = ControlPlaneAccess & {
  /**
   * `impersonate`: a node proxy asks for its workloads, with its own credentials. `own`: whoever the credentials belong
   * to is who the certificate is for.
   */
  readonly asks: 'impersonate' | 'own';
  /** Requested life. Default 24 hours, ztunnel's SECRET_TTL. */
  readonly ttlSeconds?: number;
  /** Connecting included. Default 10 000. */
  readonly timeoutMs?: number;
};

const DEFAULT_TTL_SECONDS = 86_400;
const DEFAULT_TIMEOUT_MS = 10_000;

export function createCaClient(init: CaClientInit): CertificateAuthority {
  return {
    async sign(request, signal) {
      const who = `certificate of ${request.identity}`;
      let connection: ControlPlaneConnection;
      try {
        connection = await connectControlPlane(init);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new Fault('IDENTITY_UNAVAILABLE', `${who}: ${reason}`, { cause });
      }
      try {
        return await call(connection, init, request, signal);
      } catch (cause) {
        throw new Fault('IDENTITY_UNAVAILABLE', `${who}: the CA at ${init.address} ${describe(cause)}`, { cause });
      } finally {
        connection.client.close();
      }
    },
  };
}

function call(
  { client, metadata }: ControlPlaneConnection,
  init: CaClientInit,
  { identity, csr }: CertificateRequest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { path, requestSerialize, responseDeserialize } = certificateService.createCertificate;
  const request = create(citadelPb.IstioCertificateRequestSchema, {
    csr,
    validityDuration: BigInt(init.ttlSeconds ?? DEFAULT_TTL_SECONDS),
    ...(init.asks === 'impersonate' && { metadata: { ImpersonatedIdentity: identity } }),
  });
  const deadline = Date.now() + (init.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const pending = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline },
      (error, response) => {
        signal.removeEventListener('abort', cancel);
        if (response) resolve(response.certChain);
        else reject(error);
      },
    );
    function cancel() {
      pending.cancel();
    }
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
  });
}

function describe(cause: unknown): string {
  const { code, details } = cause as Partial<ServiceError>;
  return code === undefined ? `failed: ${String(cause)}` : `answered ${status[code]}: ${failureOf(details ?? '')}`;
}

/** istio.v1.auth over gRPC: may the caller have it, then sign. Every answer is logged, keys and tokens never. */
import { create } from '@bufbuild/protobuf';
import { type handleUnaryCall, type Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Logger } from '@isthmus/sdk/runtime';
import { citadelPb } from '@isthmus/sdk/wire';
import type { Caller } from './authenticate.js';
import { type AuthorizeInit, authorize } from './authorize.js';
import type { Issuer } from './issuer.js';

export type CaEvent = { readonly kind: 'requested' | 'unauthenticated' | 'unauthorized' | 'issued' | 'invalid' };

export interface CertificateServiceInit extends AuthorizeInit {
  readonly callerOf: (metadata: Metadata) => Caller;
  readonly issuer: Issuer;
  /** False while the workloads of this cluster are not known yet, so that nobody's node can be checked. */
  readonly isReady: () => boolean;
  readonly log: Logger;
  readonly observe: (event: CaEvent) => void;
}

type Request = citadelPb.IstioCertificateRequest;
type Response = citadelPb.IstioCertificateResponse;
type Answer = { readonly response: Response } | { readonly code: status; readonly details: string };

export function createCertificateHandler(init: CertificateServiceInit): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    answer(init, call).then(
      (result) => ('response' in result ? callback(null, result.response) : callback(result)),
      (error: unknown) => {
        init.log.error({ err: error }, 'certificate request failed');
        callback({
          code: status.INTERNAL,
          details: 'the certificate could not be signed; the control plane log has the reason',
        });
      },
    );
  };
}

async function answer(init: CertificateServiceInit, call: ServerUnaryCall<Request, Response>): Promise<Answer> {
  const { log, observe } = init;
  const peer = call.getPeer();
  observe({ kind: 'requested' });
  const caller = init.callerOf(call.metadata);
  const asked = call.request.metadata?.ImpersonatedIdentity;
  const impersonated = typeof asked === 'string' ? asked : undefined;
  if (impersonated && !init.isReady()) {
    return { code: status.UNAVAILABLE, details: 'the workloads of this cluster are not known yet; try again' };
  }
  const authorized = authorize(init, caller, impersonated);
  if (!authorized.ok) {
    observe({ kind: 'unauthorized' });
    log.warn(
      { peer, caller: caller.identity, impersonated, reason: authorized.reason },
      'certificate refused: not authorized',
    );
    return { code: status.PERMISSION_DENIED, details: authorized.reason };
  }
  const { identity } = authorized;
  const ttlMs = Number(call.request.validityDuration) * 1000;
  const outcome = await init.issuer.issue({ csr: call.request.csr, identity, ttlMs });
  if (!outcome.ok) {
    observe({ kind: 'invalid' });
    log.warn({ peer, caller: caller.identity, identity, reason: outcome.reason }, 'certificate refused: bad request');
    return { code: status.INVALID_ARGUMENT, details: `CSR signing error (${outcome.error}): ${outcome.reason}` };
  }
  const { chain, serialNumber, notAfter } = outcome.issued;
  observe({ kind: 'issued' });
  log.info({ caller: caller.identity, node: caller.node, identity, serialNumber, notAfter }, 'certificate issued');
  return { response: create(citadelPb.IstioCertificateResponseSchema, { certChain: [...chain] }) };
}

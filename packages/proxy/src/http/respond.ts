/**
 * Answers the proxy itself gives: what a client reads when no application answered. Pure. The text names the fault's code
 * and nothing of the mesh's inside; names, addresses and reasons are for the access log.
 */
import type { FaultCode } from '@isthmus/sdk/wire';
import type { Fields, RequestHead } from './exchange.js';
import { fieldValue } from './headers.js';

export interface LocalReply {
  readonly status: number;
  readonly fields: Fields;
  /** Empty for gRPC, whose answer is all in the head (gRPC over HTTP/2, "Trailers-Only"). */
  readonly body: string;
  readonly grpcStatus?: number;
}

/** Status of requests that a client got wrong; every other fault is a 503. */
const STATUS_OF: Partial<Record<FaultCode, number>> = { MALFORMED_REQUEST: 400, POLICY_DENY: 403 };
const UNAVAILABLE = 503;

/** The HTTP to gRPC status mapping of the gRPC project; what is not listed is UNKNOWN (2). */
const GRPC_STATUS_OF: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
};

export function localReply(request: RequestHead, code: FaultCode): LocalReply {
  const status = STATUS_OF[code] ?? UNAVAILABLE;
  if (isGrpc(request)) return grpcReply(status, code);
  const body = `request not served: ${code}\n`;
  return {
    status,
    fields: [
      ['content-type', 'text/plain; charset=utf-8'],
      ['content-length', String(Buffer.byteLength(body))],
    ],
    body,
  };
}

/** A gRPC client reads the status from these fields and would report a plain 503 as an unexplained transport error. */
function grpcReply(httpStatus: number, code: FaultCode): LocalReply {
  const grpcStatus = GRPC_STATUS_OF[httpStatus] ?? 2;
  return {
    status: 200,
    fields: [
      ['content-type', 'application/grpc'],
      ['grpc-status', String(grpcStatus)],
      ['grpc-message', `request not served: ${code}`],
    ],
    body: '',
    grpcStatus,
  };
}

export function isGrpc(request: RequestHead): boolean {
  return fieldValue(request.fields, 'content-type')?.toLowerCase().startsWith('application/grpc') === true;
}

/** `grpc-status` of a head or of trailers; undefined when absent or not a number. */
export function grpcStatusOf(fields: Fields): number | undefined {
  const text = fieldValue(fields, 'grpc-status');
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

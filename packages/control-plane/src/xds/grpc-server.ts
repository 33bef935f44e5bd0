/** The gRPC server with the services of the control plane. Every call passes the interceptor first. */
import { type handleUnaryCall, Server, type ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import type { Clock, Scope } from '@isthmus/sdk/runtime';
import { certificateService, type citadelPb, discoveryService, trustService } from '@isthmus/sdk/wire';
import type { TrustCall } from '../ca/index.js';
import { cannotListen, hostAndPort, type Listening } from '../listening.js';
import type { DeltaCall } from './stream.js';

export interface GrpcServerInit {
  readonly host: string;
  readonly port: number;
  readonly credentials: ServerCredentials;
  readonly interceptor: ServerInterceptor;
  readonly discovery: (call: DeltaCall) => void;
  readonly certificates: handleUnaryCall<citadelPb.IstioCertificateRequest, citadelPb.IstioCertificateResponse>;
  readonly trust: (call: TrustCall) => void;
  readonly clock: Clock;
}

export const GRPC_OPTIONS = {
  // istiod's pings; a peer that is gone is noticed within 40 s.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // A reconnecting proxy names everything it holds in one request; at istiod's 4 MiB that ends near 40 000 resources.
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': 100,
  // Connections without a call: certificate requests are minutes or hours apart and open their own.
  'grpc.max_connection_idle_ms': 60_000,
  'grpc.enable_channelz': 0,
} as const;
/** For requests that run when it closes. */
const SHUTDOWN_GRACE_MS = 5_000;

/** Resolves with the port once it listens. Closing lets running calls finish, for a while. */
export async function listenGrpc(scope: Scope, init: GrpcServerInit): Promise<number> {
  const { host, port, credentials, clock } = init;
  const server = new Server({ ...GRPC_OPTIONS, interceptors: [init.interceptor] });
  scope.own(() => shutdownGrpc(server, clock));
  server.addService(discoveryService, { deltaAggregatedResources: init.discovery });
  server.addService(certificateService, { createCertificate: init.certificates });
  server.addService(trustService, { fetchX509Bundles: init.trust });
  return bindGrpc(server, { setting: 'listen', host, port }, credentials);
}

/** Resolves with the port once it listens. */
export function bindGrpc(server: Server, at: Listening, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(hostAndPort(at), credentials, (error, bound) =>
      error ? reject(cannotListen(at, error)) : resolve(bound),
    );
  });
}

/** Lets running calls finish, for a while. */
export function shutdownGrpc(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const disarm = clock.schedule(SHUTDOWN_GRACE_MS, () => server.forceShutdown());
    server.tryShutdown(() => {
      disarm();
      resolve();
    });
  });
}

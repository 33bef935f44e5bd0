/**
 * A control plane for tests: a real gRPC server over TLS on loopback, whose answers are the test's. It can go away and come
 * back on the same port.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  certificateService,
  citadelPb,
  type DeltaResponseOrBytes,
  discoveryPb,
  discoveryService,
  type spiffePb,
  trustService,
} from '../../src/wire/index.js';
import { createInbox, type Inbox } from './inbox.js';
import type { ServerCertificates } from './server-certificates.js';

type Call = ServerDuplexStream<discoveryPb.DeltaDiscoveryRequest, DeltaResponseOrBytes>;

export type TrustCall = ServerWritableStream<spiffePb.X509BundlesRequest, spiffePb.X509BundlesResponse>;

/** One discovery stream, as the server sees it. */
export interface AcceptedStream {
  readonly headers: Readonly<Record<string, unknown>>;
  /** Subject alternative names of the client's certificate, when it showed one. */
  readonly clientNames: string | undefined;
  readonly requests: Inbox<discoveryPb.DeltaDiscoveryRequest>;
  send(response: MessageInitShape<typeof discoveryPb.DeltaDiscoveryResponseSchema>): void;
  sendBytes(bytes: Uint8Array): void;
  end(): void;
  fail(code: number, details: string): void;
  readonly cancelled: Promise<void>;
}

export interface CertificateCall {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly request: citadelPb.IstioCertificateRequest;
}

export interface ControlPlaneInit {
  readonly certificates: ServerCertificates;
  /** Ask clients for a certificate of this root. */
  readonly clientRoots?: string;
  readonly createCertificate?: (call: CertificateCall) => Promise<readonly string[]>;
  /** Without it the method is not there, as at an istiod. */
  readonly followTrust?: (call: TrustCall) => void;
  /** 0 is any. */
  readonly port?: number;
}

export interface TestControlPlane {
  readonly port: number;
  readonly address: string;
  readonly streams: Inbox<AcceptedStream>;
  /** Cuts every connection and gives the port back. */
  stop(): void;
}

export async function startControlPlane(init: ControlPlaneInit): Promise<TestControlPlane> {
  const { certificates, clientRoots } = init;
  const streams = createInbox<AcceptedStream>();
  const server = new Server();
  server.addService(discoveryService, {
    deltaAggregatedResources: (call: Call) => streams.put(acceptedStream(call)),
  });
  server.addService(certificateService, {
    createCertificate: (
      call: ServerUnaryCall<citadelPb.IstioCertificateRequest, citadelPb.IstioCertificateResponse>,
      respond: sendUnaryData<citadelPb.IstioCertificateResponse>,
    ) => void answer(call, init).then((response) => respond(null, response), respond),
  });
  if (init.followTrust) server.addService(trustService, { fetchX509Bundles: init.followTrust });
  const credentials = ServerCredentials.createSsl(
    clientRoots ? Buffer.from(clientRoots) : null,
    [{ private_key: Buffer.from(certificates.keyPem), cert_chain: Buffer.from(certificates.certPem) }],
    clientRoots !== undefined,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${init.port ?? 0}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, address: `127.0.0.1:${port}`, streams, stop: () => server.forceShutdown() };
}

function acceptedStream(call: Call): AcceptedStream {
  const requests = createInbox<discoveryPb.DeltaDiscoveryRequest>();
  call.on('data', (request: discoveryPb.DeltaDiscoveryRequest) => requests.put(request));
  call.on('error', () => {});
  const cancelled = new Promise<void>((resolve) => call.on('cancelled', () => resolve()));
  return {
    headers: call.metadata.getMap(),
    clientNames: call.getAuthContext().sslPeerCertificate?.subjectaltname,
    requests,
    send: (response) => void call.write(create(discoveryPb.DeltaDiscoveryResponseSchema, response)),
    sendBytes: (bytes) => void call.write(bytes),
    end: () => call.end(),
    fail: (code, details) => void call.emit('error', { code, details }),
    cancelled,
  };
}

async function answer(
  call: ServerUnaryCall<citadelPb.IstioCertificateRequest, citadelPb.IstioCertificateResponse>,
  { createCertificate }: ControlPlaneInit,
): Promise<citadelPb.IstioCertificateResponse> {
  const certChain = (await createCertificate?.({ headers: call.metadata.getMap(), request: call.request })) ?? [];
  return create(citadelPb.IstioCertificateResponseSchema, { certChain: [...certChain] });
}

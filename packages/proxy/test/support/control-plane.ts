/**
 * A control plane of one file: real gRPC over TLS that sends the records it was given and signs what it is asked for. It
 * can go away and come back on its port.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { encodeAuthorization, encodeService, encodeWorkload } from '@isthmus/sdk/discovery';
import type { PemIdentity, TestAuthority } from '@isthmus/sdk/testing';
import {
  authorizationPb,
  CONTROL_PLANE_IDENTIFIER,
  certificateService,
  citadelPb,
  type DeltaResponseOrBytes,
  type discoveryPb,
  discoveryService,
  encodeDeltaResponse,
  encodeResource,
  RESOURCE_TYPES,
  type ResourceTypeName,
  workloadPb,
} from '@isthmus/sdk/wire';
import type { MeshRecords } from './model.js';

export interface TestControlPlane {
  readonly port: number;
  /** PEM roots to verify it against. */
  readonly roots: string;
  /** Bearer tokens that came with certificate requests. */
  readonly tokens: string[];
  readonly certificateRequests: readonly CertificateRequest[];
  /** Names of addresses that were asked for on demand. */
  readonly asked: readonly string[];
  /** Discovery streams opened so far. */
  readonly streams: number;
  /** Sends every record to every stream. */
  send(records: MeshRecords): void;
  /** Cuts every connection and gives the port back. */
  stop(): void;
}

export interface CertificateRequest {
  /** In whose name it was asked; undefined for the caller's own. */
  readonly impersonated: unknown;
  readonly ttlSeconds: number;
  readonly tenant: string | undefined;
}

type Stream = ServerDuplexStream<discoveryPb.DeltaDiscoveryRequest, DeltaResponseOrBytes>;
type SignCall = ServerUnaryCall<citadelPb.IstioCertificateRequest, citadelPb.IstioCertificateResponse>;

export interface ControlPlaneInit {
  readonly authority: TestAuthority;
  /** Undefined: streams are accepted and nothing is sent yet. */
  readonly records?: MeshRecords;
  /** What an address that is asked for on demand is answered with; for any other, that nobody has it. */
  readonly answers?: Readonly<Record<string, MeshRecords>>;
  /** Default 127.0.0.1; one of its own if it is to come back on its port, which on 127.0.0.1 somebody else may get meanwhile. */
  readonly host?: string;
  readonly port?: number;
  /** What it calls itself. Default: our control plane. */
  readonly identifier?: string;
  /** Who the bearer of the token is, for requests in nobody else's name. */
  readonly bearer?: string;
}

export async function startTestControlPlane({
  authority,
  records,
  answers = {},
  host = '127.0.0.1',
  port = 0,
  identifier: controlPlane = CONTROL_PLANE_IDENTIFIER,
  bearer,
}: ControlPlaneInit): Promise<TestControlPlane> {
  const identity = await authority.issueServer([host]);
  const streams = new Map<Stream, Set<string>>();
  const tokens: string[] = [];
  const asked: string[] = [];
  const certificateRequests: CertificateRequest[] = [];
  let current = records;
  let nonce = 0;
  let opened = 0;

  function sendTo(stream: Stream, type: ResourceTypeName): void {
    if (!current || !streams.get(stream)?.has(RESOURCE_TYPES[type].typeUrl)) return;
    respondTo(stream, type, resourcesOf(type, current), []);
  }

  function answerTo(stream: Stream, names: readonly string[]): void {
    asked.push(...names);
    const known = names.flatMap((name) => answers[name] ?? []);
    const nobodys = names.filter((name) => !answers[name]);
    respondTo(
      stream,
      'address',
      known.flatMap((each) => resourcesOf('address', each)),
      nobodys,
    );
  }

  function respondTo(
    stream: Stream,
    type: ResourceTypeName,
    resources: readonly Uint8Array[],
    removedResources: readonly string[],
  ): void {
    const { typeUrl } = RESOURCE_TYPES[type];
    nonce += 1;
    stream.write(
      encodeDeltaResponse({
        typeUrl,
        nonce: String(nonce),
        resources,
        removedResources,
        controlPlane,
      }),
    );
  }

  const server = new Server();
  server.addService(discoveryService, {
    deltaAggregatedResources(stream: Stream) {
      const subscribed = new Set<string>();
      opened += 1;
      streams.set(stream, subscribed);
      stream.on('error', () => {}).on('cancelled', () => streams.delete(stream));
      stream.on('data', ({ typeUrl, resourceNamesSubscribe }: discoveryPb.DeltaDiscoveryRequest) => {
        if (subscribed.has(typeUrl)) {
          if (resourceNamesSubscribe.length > 0) answerTo(stream, resourceNamesSubscribe);
          return;
        }
        subscribed.add(typeUrl);
        for (const type of TYPES) if (RESOURCE_TYPES[type].typeUrl === typeUrl) sendTo(stream, type);
      });
    },
  });
  server.addService(certificateService, {
    createCertificate(call: SignCall, respond: sendUnaryData<citadelPb.IstioCertificateResponse>) {
      tokens.push(String(call.metadata.get('authorization')[0] ?? ''));
      const impersonated = call.request.metadata?.ImpersonatedIdentity;
      certificateRequests.push({
        impersonated,
        ttlSeconds: Number(call.request.validityDuration),
        tenant: call.metadata.get('x_tenant')[0]?.toString(),
      });
      void authority
        .sign(call.request.csr, String(impersonated ?? bearer))
        .then(
          (pem) =>
            respond(null, create(citadelPb.IstioCertificateResponseSchema, { certChain: [pem, authority.rootPem] })),
          respond,
        );
    },
  });
  const bound = await bind(server, identity, `${host}:${port}`);
  return {
    port: bound,
    roots: authority.rootPem,
    tokens,
    asked,
    certificateRequests,
    get streams() {
      return opened;
    },
    send(next) {
      current = next;
      for (const stream of streams.keys()) for (const type of TYPES) sendTo(stream, type);
    },
    stop: () => server.forceShutdown(),
  };
}

const TYPES = ['address', 'authorization'] as const satisfies readonly ResourceTypeName[];

function bind(server: Server, { key, cert }: PemIdentity, address: string): Promise<number> {
  const credentials = ServerCredentials.createSsl(null, [
    { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
  ]);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}

let version = 0;

function resourcesOf(
  type: ResourceTypeName,
  { workloads = [], services = [], policies = [] }: MeshRecords,
): readonly Uint8Array[] {
  const { typeUrl } = RESOURCE_TYPES[type];
  version += 1;
  const entry = (name: string, value: Uint8Array) => encodeResource({ name, version: String(version), typeUrl, value });
  if (type === 'authorization') {
    return policies.map((each) =>
      entry(each.key, toBinary(authorizationPb.AuthorizationSchema, encodeAuthorization(each))),
    );
  }
  const address = (value: workloadPb.Address['type']) =>
    toBinary(workloadPb.AddressSchema, create(workloadPb.AddressSchema, { type: value }));
  return [
    ...workloads.map((each) => entry(each.uid, address({ case: 'workload', value: encodeWorkload(each) }))),
    ...services.map((each) => entry(each.key, address({ case: 'service', value: encodeService(each) }))),
  ];
}

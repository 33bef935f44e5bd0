/**
 * The exchange by which two control planes become peers, over gRPC with JSON messages. Who accepts an invitation asks for
 * the roots first, trusting nobody; only when they are those that the invitation names is the secret sent, over a
 * connection verified against them (kubeadm's way of joining). No private key travels.
 */
import {
  Client,
  credentials,
  type handleUnaryCall,
  type ServiceError,
  status,
  type VerifyOptions,
} from '@grpc/grpc-js';
import type { Logger } from '@isthmus/sdk/runtime';
import { checkIdentity, controlPlaneIdentity, fingerprintsOf } from './identity.js';
import { type ExchangeRequest, type Invitation, type Peer, peerSchema, readJson, requestSchema } from './records.js';
import type { FederationState } from './state.js';

const MAX_MESSAGE_BYTES = 256 * 1024;
const TIMEOUT_MS = 10_000;

/** What is asked is read by its handler: what is wrong with it is for the caller to know, and gRPC tells nobody. */
function method<Request extends object>(name: string) {
  return {
    path: `/isthmus.federation.v1.Peering/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Request) => Buffer.from(JSON.stringify(value)),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (value: Peer) => Buffer.from(JSON.stringify(value)),
    responseDeserialize: (bytes: Buffer) => readJson('the answer of the peer', bytes.toString(), peerSchema),
  } as const;
}

export const peeringService = {
  /** Who answers here; nothing of it is secret. */
  describe: method('Describe'),
  /** Redeems an invitation: both are peers afterwards. */
  exchange: method<ExchangeRequest>('Exchange'),
};

export interface ExchangeInit {
  readonly own: () => Peer;
  readonly state: FederationState;
  /** Clusters that are read from elsewhere, or are this one. */
  readonly isTaken: (cluster: string) => boolean;
  /** Why that cluster is not believed; undefined when it is. */
  readonly judge: (peer: Peer) => string | undefined;
  /** Resolves when peers that were added are let in. */
  readonly letIn: () => Promise<void>;
  readonly now: () => number;
  readonly log: Logger;
}

/** Who answers here is said by `strangers.ts`, before anything is read. */
export function createExchange(init: ExchangeInit): { readonly exchange: handleUnaryCall<string, Peer> } {
  const { own, state, isTaken, judge, letIn, now, log } = init;

  async function admit(peer: Peer): Promise<void> {
    if (isTaken(peer.cluster)) throw new Error(`there is a cluster ${peer.cluster} here already; ids have to differ`);
    const objection = judge(peer);
    if (objection !== undefined) throw new Error(objection);
    await state.add(peer);
  }

  async function exchange(text: string): Promise<Peer> {
    const { id, secret, peer } = readJson('the request', text, requestSchema);
    const refusal = await state.redeem(id, secret, now());
    if (refusal !== undefined) throw new Error(refusal);
    await admit(peer).catch(({ message }: Error) => {
      throw new Error(`${message}; this invitation is spent, ask for a new one then`);
    });
    // It connects as soon as it has the answer.
    await letIn();
    log.info({ cluster: peer.cluster, address: peer.address }, 'invitation accepted: new peer');
    return own();
  }

  return {
    exchange: (call, callback) => {
      exchange(call.request).then(
        (answer) => callback(null, answer),
        ({ message }: Error) => {
          log.warn({ from: call.getPeer(), reason: message }, 'invitation refused');
          callback({ code: status.PERMISSION_DENIED, details: message });
        },
      );
    },
  };
}

/** The peer that has invited; rejects with what was wrong, and then neither is a peer of the other. */
export async function acceptInvitation(invitation: Invitation, own: Peer, judge: ExchangeInit['judge']): Promise<Peer> {
  const { address, cluster, fingerprints, id, secret } = invitation;
  if (cluster === own.cluster) throw new Error(`the invitation is of this cluster, ${cluster}, itself`);
  const stranger = clientOf(address, { rejectUnauthorized: false });
  const shown = await call(stranger, peeringService.describe, {});
  const { roots, trustDomain } = shown;
  const found = fingerprintsOf(roots);
  if ([...found].sort().join() !== [...fingerprints].sort().join()) {
    throw new Error(
      `${address} shows the roots ${found.join(', ')}, the invitation names ${fingerprints.join(', ')}: this is not who invited, or its roots were replaced since`,
    );
  }
  const objection = judge(shown);
  if (objection !== undefined) throw new Error(objection);
  const peer = await call(verifiedClientOf({ address, cluster, trustDomain, roots }), peeringService.exchange, {
    id,
    secret,
    peer: own,
  });
  if (peer.cluster !== cluster || peer.roots !== roots || peer.trustDomain !== trustDomain)
    throw new Error(`${address} answers as cluster ${peer.cluster}`);
  return peer;
}

/** What the control plane there says of itself now; who answers has proved to be that peer. */
export function describePeer(peer: Omit<Peer, 'network'>): Promise<Peer> {
  return call(verifiedClientOf(peer), peeringService.describe, {});
}

function verifiedClientOf({ address, cluster, trustDomain, roots }: Omit<Peer, 'network'>): Client {
  const expected = controlPlaneIdentity(trustDomain, cluster);
  return clientOf(address, {
    roots,
    checkServerIdentity: (_host, certificate) => checkIdentity(expected, certificate),
  });
}

function clientOf(address: string, { roots, ...verify }: VerifyOptions & { readonly roots?: string }): Client {
  return new Client(
    address,
    credentials.createSsl(roots === undefined ? null : Buffer.from(roots), null, null, verify),
    {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.enable_http_proxy': 0,
      // Two clients of one address must not share a connection: one of them has verified nothing.
      'grpc.use_local_subchannel_pool': 1,
      // No name to choose by, and RFC 6066 allows no IP address in its place.
      'grpc.ssl_target_name_override': 'isthmus-control-plane',
    },
  );
}

function call<Request extends object>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: ReturnType<typeof method<Request>>,
  request: Request,
): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + TIMEOUT_MS };
    const done = (error: ServiceError | null, answer?: Peer) => {
      client.close();
      if (error) reject(new Error(error.details || error.message));
      else if (answer) resolve(answer);
    };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, done);
  });
}

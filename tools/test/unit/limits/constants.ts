/**
 * Bounds that stand alone in the source. The number is never repeated here: `boundIn` reads it where it is set, so the
 * page follows the code, and a constant that is renamed or moved fails the test.
 */
import { readFileSync } from 'node:fs';

export interface ConstantRow {
  /** Below the root of the repository. */
  readonly file: string;
  /** Name of the constant, or of a property of an object literal. */
  readonly name: string;
  /** What is bounded. */
  readonly what: string;
  /** What happens at the bound. */
  readonly hit: string;
}

const ROOT = new URL('../../../../', import.meta.url);

/** The number, of an expression that is a sum of products of whole numbers. Throws when there is none by that name. */
export function boundIn({ file, name }: ConstantRow): string {
  const text = readFileSync(new URL(file, ROOT), 'utf8');
  const quoted = name.replace(/[.]/g, '\\.');
  const found = new RegExp(`(?:const ${quoted} =|'?\\b${quoted}'?:) ([0-9][0-9_ *+]*)`).exec(text)?.[1]?.trim();
  if (!found) throw new Error(`${file} sets no number by the name ${name}`);
  const terms = found.split('+').map((term) => term.split('*').reduce((product, each) => product * whole(each), 1));
  return String(terms.reduce((sum, term) => sum + term, 0));
}

function whole(digits: string): number {
  return Number(digits.trim().replaceAll('_', ''));
}

const SDK = 'packages/sdk/src';
const PROXY = 'packages/proxy/src';
const PLANE = 'packages/control-plane/src';

export const HBONE_CONSTANTS: readonly ConstantRow[] = [
  {
    file: `${SDK}/hbone/server/server.ts`,
    name: 'DEFAULT_MAX_CONNECTIONS',
    what: 'Connections of one HBONE server, handshakes included',
    hit: 'the oldest that has not finished its handshake makes room; with none, one more is closed at once and logged (`DOWNSTREAM_OVERFLOW`)',
  },
  {
    file: `${SDK}/hbone/engine/outbound-data.ts`,
    name: 'QUEUE_HIGH_BYTES',
    what: 'Bytes queued on one stream for a peer that does not read',
    hit: 'the writer is paused until half of it is gone',
  },
  {
    file: `${SDK}/hbone/io/gathered-writes.ts`,
    name: 'SINK_HIGH_BYTES',
    what: 'Bytes waiting to be written to one application',
    hit: 'the tunnel they come from is paused until half of it is gone',
  },
  {
    file: `${SDK}/hbone/byte-queue.ts`,
    name: 'MAX_HELD_BACK',
    what: 'Memory that bytes which wait may hold back, as a multiple of their number',
    hit: 'they are copied',
  },
  {
    file: `${SDK}/hbone/blocks.ts`,
    name: 'MAX_FREE_BLOCKS',
    what: 'Blocks of 64 KiB for reading that are kept while nobody needs them',
    hit: 'further ones are freed',
  },
  {
    file: `${SDK}/hbone/engine/header-blocks.ts`,
    name: 'MAX_SHAPES',
    what: 'Templates of header blocks, by which fields there are',
    hit: 'other blocks are encoded field by field',
  },
  {
    file: `${SDK}/hbone/engine/flow-control.ts`,
    name: 'LENDABLE_WINDOWS',
    what: 'Connection windows lent on top when readers stall',
    hit: 'the tunnels of that connection wait for a reader',
  },
  {
    file: `${SDK}/hbone/client/pool-policy.ts`,
    name: 'HELD_MS',
    what: 'How long the window of a connection may be used up, ms, with nothing given back',
    hit: 'new tunnels take or open another connection, where they can',
  },
  {
    file: `${SDK}/hbone/io/duplex.ts`,
    name: 'HIGH_WATER_BYTES',
    what: 'Bytes a tunnel buffers towards its user in each direction',
    hit: 'back-pressure, as in every Node stream',
  },
  {
    file: `${SDK}/hbone/io/transport.ts`,
    name: 'FLUSH_BYTES',
    what: 'Bytes given to the socket at a time',
    hit: "the rest waits for the socket's drain",
  },
  {
    file: `${SDK}/hbone/limits.ts`,
    name: 'RAPID_RESET_MS',
    what: 'Age in ms up to which a reset stream counts as `rapidReset`',
    hit: 'older ones are bounded by their number',
  },
  {
    file: `${SDK}/hbone/limits.ts`,
    name: 'TRICKLE_BYTES',
    what: 'Bytes below which an update of a used-up window counts as one of `windowTrickles`',
    hit: 'larger ones are welcome',
  },
  {
    file: `${SDK}/hbone/io/tls.ts`,
    name: 'REFUSAL_LINGER_MS',
    what: 'Time in ms a refused client has to read the reason',
    hit: 'the socket is destroyed',
  },
  {
    file: `${SDK}/hbone/codec.ts`,
    name: 'SHARED_SLOTS',
    what: 'HBONE connections of a process, all roles together',
    hit: 'one more is refused: `UPSTREAM_OVERFLOW` when we dial it, `DOWNSTREAM_OVERFLOW` in the log when a client does',
  },
  {
    file: `${SDK}/hbone/client/pool-draws.ts`,
    name: 'PARALLEL_DRAWS',
    what: 'Inner connections opened at once for one service that nobody waits for',
    hit: 'the others follow when these are open',
  },
  {
    file: `${SDK}/hbone/client/connection-pool.ts`,
    name: 'MAX_ATTEMPTS',
    what: 'CONNECTs of one tunnel that peers refused unprocessed',
    hit: 'the caller is refused',
  },
  {
    file: `${SDK}/identity/tls-parameters.ts`,
    name: 'SESSION_LIFE_SECONDS',
    what: 'Seconds for which a TLS session may be resumed',
    hit: 'a full handshake',
  },
  {
    file: `${SDK}/hbone/io/tls-sessions.ts`,
    name: 'MAX_TICKETS',
    what: 'TLS sessions a pool keeps for each certificate of ours',
    hit: 'the oldest makes room',
  },
  {
    file: `${SDK}/hbone/io/peer-proof.ts`,
    name: 'MAX_PROOFS',
    what: 'Clients whose chains a server remembers, for revocation lists and trust domains',
    hit: 'the oldest is forgotten; its resumed session is refused',
  },
  {
    file: `${SDK}/hbone/io/peer-proof.ts`,
    name: 'MAX_CHAIN',
    what: 'Certificates of a chain that is looked up in revocation lists or trust bundles',
    hit: 'a longer chain is refused',
  },
  {
    file: `${SDK}/identity/revocation-file.ts`,
    name: 'MAX_FILE_BYTES',
    what: 'Bytes of the file of revocation lists',
    hit: 'it is not loaded; the lists in force stay',
  },
  {
    file: `${SDK}/identity/revocation-file.ts`,
    name: 'POLL_MS',
    what: 'How often the file of revocation lists is looked at, ms',
    hit: 'changes count from then on',
  },
  {
    file: `${SDK}/originate/dial-tcp.ts`,
    name: 'CONNECT_MS',
    what: 'TCP connect to an application, ms',
    hit: 'fault `CONNECT_FAILED`',
  },
  {
    file: `${SDK}/routing/authority.ts`,
    name: 'MAX_AUTHORITY',
    what: 'Characters of the `:authority` of a CONNECT',
    hit: 'answered 400',
  },
  {
    file: `${SDK}/routing/forwarded.ts`,
    name: 'MAX_HOST',
    what: 'Characters of a `host` in `forwarded`',
    hit: 'not believed',
  },
  {
    file: `${SDK}/peer/baggage.ts`,
    name: 'MAX_VALUE',
    what: 'Characters of a baggage value',
    hit: 'that member is ignored',
  },
];

export const CLIENT_CONSTANTS: readonly ConstantRow[] = [
  {
    file: `${SDK}/runtime/grpc-client.ts`,
    name: 'MAX_RECEIVED_BYTES',
    what: 'Bytes of one message of the control plane',
    hit: 'the stream ends with RESOURCE_EXHAUSTED and is opened again',
  },
  {
    file: `${SDK}/discovery/delta-stream.ts`,
    name: 'CONNECT_TIMEOUT_MS',
    what: 'Connecting to the control plane, TLS included, ms',
    hit: 'tried again after the back-off',
  },
  {
    file: `${SDK}/discovery/client.ts`,
    name: 'BACKOFF_CAP_MS',
    what: 'Longest pause between attempts at discovery, ms',
    hit: 'it grows no longer',
  },
  {
    file: `${SDK}/discovery/policy-order.ts`,
    name: 'GRACE_MS',
    what: 'A workload waits for policies it names and that were not received yet, ms',
    hit: 'it is in force as it is: closed to everybody',
  },
  {
    file: `${SDK}/discovery/decode/problems.ts`,
    name: 'MAX_KEPT',
    what: 'Problems told of one refused resource',
    hit: 'further ones are not told',
  },
  {
    file: `${SDK}/discovery/delta-session.ts`,
    name: 'MAX_NACKED_NAMES',
    what: 'Resources a NACK names',
    hit: 'further ones are counted',
  },
  {
    file: `${SDK}/identity/ca-client.ts`,
    name: 'DEFAULT_TIMEOUT_MS',
    what: 'One request for a certificate, ms',
    hit: 'tried again after the back-off; the certificate held goes on',
  },
  {
    file: `${SDK}/identity/certificate-manager.ts`,
    name: 'DEFAULT_CONCURRENCY',
    what: 'Requests for certificates under way',
    hit: 'further ones wait',
  },
  {
    file: `${SDK}/identity/trust-message.ts`,
    name: 'MAX_DOMAINS',
    what: 'Trust domains a control plane tells of',
    hit: 'the message is refused, the bundles before stay in force',
  },
  {
    file: `${SDK}/identity/trust-message.ts`,
    name: 'MAX_ANCHORS',
    what: 'Roots of all trust domains together',
    hit: 'the message is refused, the bundles before stay in force',
  },
  {
    file: `${SDK}/identity/trust-bundle.ts`,
    name: 'MAX_LINKS',
    what: 'Certificates a peer sends along that are tried on the way to its root',
    hit: 'further ones are not looked at',
  },
  {
    file: `${SDK}/identity/certificate-manager.ts`,
    name: 'BACKOFF_CAP_MS',
    what: 'Longest pause between attempts at a certificate, ms',
    hit: 'it grows no longer',
  },
  {
    file: `${SDK}/routing/alternatives.ts`,
    name: 'MOST',
    what: 'Alternatives of a plan through a gateway',
    hit: 'the others are not tried',
  },
  {
    file: `${SDK}/originate/gateways.ts`,
    name: 'MAX_ATTEMPTS',
    what: 'Gateways tried for one connection',
    hit: 'it fails with the last reason',
  },
  {
    file: `${SDK}/originate/gateway-health.ts`,
    name: 'MAX_TRACKED',
    what: 'Gateways known to be out of service',
    hit: 'the longest known is taken for well',
  },
  {
    file: `${SDK}/originate/gateway-health.ts`,
    name: 'PROBE_CAP_MS',
    what: 'Longest wait between probes of a gateway, in ms',
    hit: 'it is probed at that pace',
  },
  {
    file: `${SDK}/originate/gateway-health.ts`,
    name: 'FORGET_MS',
    what: 'A gateway out of service that nothing leads to, in ms',
    hit: 'it is forgotten and no longer probed',
  },
  {
    file: `${SDK}/discovery/demands.ts`,
    name: 'ANSWER_MS',
    what: 'Wait for an address asked for on demand, in ms',
    hit: 'the connection is refused',
  },
  {
    file: `${SDK}/discovery/demands.ts`,
    name: 'MAX_WAITING',
    what: 'Addresses asked for on demand and waited for',
    hit: 'one more counts as unanswered',
  },
  {
    file: `${SDK}/discovery/demands.ts`,
    name: 'MAX_REMEMBERED',
    what: 'Addresses asked for lately, which are not asked for again',
    hit: 'the oldest is forgotten',
  },
  {
    file: `${SDK}/discovery/delta-session.ts`,
    name: 'MAX_PENDING',
    what: 'Addresses asked for that a reconnect asks for again',
    hit: 'the oldest is dropped',
  },
  {
    file: `${SDK}/discovery/local/source.ts`,
    name: 'MAX_TEXT_BYTES',
    what: 'Characters of a local mesh (LOCAL_XDS_PATH)',
    hit: 'not used, the last good one stays',
  },
];

export const PROXY_CONSTANTS: readonly ConstantRow[] = [
  {
    file: `${PROXY}/capture/tcp-listener.ts`,
    name: 'MAX_CONNECTIONS',
    what: 'Open connections of one listener (SOCKS5, static, plaintext, captured)',
    hit: 'one more is closed at once and logged',
  },
  {
    file: `${PROXY}/capture/socks5-server.ts`,
    name: 'HANDSHAKE_MS',
    what: 'A SOCKS5 handshake, ms',
    hit: 'the connection is closed',
  },
  {
    file: `${PROXY}/capture/socks5.ts`,
    name: 'MAX_HANDSHAKE',
    what: 'Bytes of a SOCKS5 handshake',
    hit: 'the connection is closed',
  },
  {
    file: `${PROXY}/capture/interception/conntrack.ts`,
    name: 'MAX_TABLE_BYTES',
    what: 'Bytes of the conntrack table, where original destinations are found in it',
    hit: 'captured connections are refused; install koffi',
  },
  {
    file: `${PROXY}/capture/rules/command.ts`,
    name: 'MAX_EXCLUDED_PORTS',
    what: 'Inbound ports that `isthmus-proxy rules` can leave out',
    hit: 'exit code 2',
  },
  { file: `${PROXY}/http/retry.ts`, name: 'MAX_ATTEMPTS', what: 'Attempts at one request', hit: 'answered 503' },
  {
    file: `${PROXY}/telemetry/label-sets.ts`,
    name: 'MAX_VALUE_CHARS',
    what: 'Characters of a label value',
    hit: 'it is cut',
  },
  {
    file: `${PROXY}/telemetry/request-record.ts`,
    name: 'MAX_OUTCOMES',
    what: 'Outcomes cached for a pair of peers',
    hit: 'the cache starts anew',
  },
  {
    file: `${PROXY}/telemetry/log-lines.ts`,
    name: 'FLUSH_CHARS',
    what: 'Characters of log lines held back',
    hit: 'they are written at once',
  },
  {
    file: `${PROXY}/admin/http.ts`,
    name: 'maxHeaderSize',
    what: 'Bytes of headers at admin, metrics and readiness',
    hit: 'answered 431',
  },
  {
    file: `${PROXY}/admin/http.ts`,
    name: 'headersTimeout',
    what: 'Time to send them, ms',
    hit: 'answered 408 and closed',
  },
  {
    file: `${PROXY}/admin/http.ts`,
    name: 'MAX_CONNECTIONS',
    what: 'Connections to each of admin, metrics and readiness, one request at a time on each',
    hit: 'one more is closed; so is one that sends a request before the answer to the last',
  },
  {
    file: `${PROXY}/admin/http.ts`,
    name: 'STALLED_MS',
    what: 'How long a reader of a page may take nothing of it, ms',
    hit: 'its connection is closed',
  },
  {
    file: `${PROXY}/admin/dump-connections.ts`,
    name: 'MAX_LISTED',
    what: 'Connections one process lists on the admin page',
    hit: 'the rest is only counted',
  },
  {
    file: `${PROXY}/telemetry/log-levels.ts`,
    name: 'MAX_SCOPES',
    what: 'Scopes with a log level of their own',
    hit: 'answered 400',
  },
  {
    file: `${PROXY}/workers/remote-diagnostics.ts`,
    name: 'ABANDONED_MS',
    what: "Time the reader of a worker's heap snapshot may stop, ms",
    hit: 'the snapshot ends',
  },
  {
    file: `${PROXY}/workers/channel.ts`,
    name: 'MAX_UNSENT',
    what: 'Messages a worker process or its head has not taken up',
    hit: 'a worker is killed and replaced; a worker whose head does not read exits',
  },
  {
    file: `${PROXY}/workers/worker.ts`,
    name: 'CERTIFICATE_MS',
    what: 'Time a worker waits for its head to have a certificate, ms',
    hit: 'fault `IDENTITY_UNAVAILABLE`',
  },
  {
    file: `${PROXY}/workers/worker.ts`,
    name: 'DEMAND_MS',
    what: 'Time a worker waits for its head to have addresses asked for, ms',
    hit: 'the connection is refused',
  },
  {
    file: `${PROXY}/workers/slot.ts`,
    name: 'ANSWER_MS',
    what: 'Time a worker has to report its numbers, ms',
    hit: 'its last ones are shown',
  },
  {
    file: `${PROXY}/workers/slot.ts`,
    name: 'SILENT_MS',
    what: 'Time a worker may not be heard of, ms',
    hit: 'it is killed and replaced',
  },
  {
    file: `${PROXY}/workers/slot.ts`,
    name: 'BACKOFF_CAP_MS',
    what: 'Longest pause before a worker that ended is replaced, ms',
    hit: 'it grows no longer',
  },
  {
    file: `${PROXY}/workers/group.ts`,
    name: 'STOP_MS',
    what: 'Time a worker has to stop after draining, ms',
    hit: 'it is killed',
  },
  {
    file: `${PROXY}/config/kinds.ts`,
    name: 'MAX_WORKERS',
    what: 'Worker processes',
    hit: 'a larger number is refused at start',
  },
  {
    file: `${PROXY}/main.ts`,
    name: 'CLOSE_MS',
    what: 'Closing sockets and servers after draining, ms',
    hit: 'the process exits',
  },
];

export const PLANE_CONSTANTS: readonly ConstantRow[] = [
  {
    file: `${PLANE}/schema/shared.ts`,
    name: 'MAX_SHARED_VALUES',
    what: 'Values of one field of objects (labels, containers, names of nodes) that are kept once for all objects',
    hit: 'all are forgotten and sharing begins anew; what objects have stays',
  },
  {
    file: `${PLANE}/schema/shared.ts`,
    name: 'MAX_SHARED_TEXT',
    what: 'Characters of such a value',
    hit: 'each object keeps its own',
  },
  {
    file: `${PLANE}/sources/directory.ts`,
    name: 'files',
    what: 'Files of a source',
    hit: 'an error; the last good state stays live',
  },
  { file: `${PLANE}/sources/directory.ts`, name: 'fileBytes', what: 'Bytes of one file', hit: 'the same' },
  { file: `${PLANE}/sources/directory.ts`, name: 'directories', what: 'Directories of a source', hit: 'the same' },
  { file: `${PLANE}/sources/directory.ts`, name: 'depth', what: 'Levels of directories', hit: 'the same' },
  {
    file: `${PLANE}/sources/kubernetes/access.ts`,
    name: 'MAX_KUBECONFIG_BYTES',
    what: 'Characters of a kubeconfig',
    hit: 'it cannot be used; what was read before stays',
  },
  {
    file: `${PLANE}/sources/kubernetes/api.ts`,
    name: 'ANSWER_MS',
    what: 'Time to an answer of a Kubernetes API, and between parts of a list, ms',
    hit: 'tried again after the back-off',
  },
  {
    file: `${PLANE}/sources/kubernetes/api.ts`,
    name: 'MAX_LIST_BYTES',
    what: 'Bytes of a page of a list',
    hit: 'the list is not used; what was read before stays',
  },
  {
    file: `${PLANE}/sources/kubernetes/api.ts`,
    name: 'MAX_RETRY_AFTER_MS',
    what: 'Longest `Retry-After` that is heeded, ms',
    hit: 'asked again then',
  },
  {
    file: `${PLANE}/sources/kubernetes/reflector.ts`,
    name: 'PAGE_OBJECTS',
    what: 'Objects of one page of a list',
    hit: 'the next page follows',
  },
  {
    file: `${PLANE}/sources/kubernetes/reflector.ts`,
    name: 'MAX_OBJECTS',
    what: 'Objects of one kind in one cluster',
    hit: 'the list is not used; what was read before stays',
  },
  {
    file: `${PLANE}/sources/kubernetes/reflector.ts`,
    name: 'BACKOFF_CAP_MS',
    what: 'Longest pause between attempts at a Kubernetes API, ms',
    hit: 'it grows no longer',
  },
  {
    file: `${PLANE}/sources/kubernetes/lines.ts`,
    name: 'MAX_LINE_CHARS',
    what: 'Characters of one event of a watch',
    hit: 'the kind is listed anew',
  },
  {
    file: `${PLANE}/sources/kubernetes/remote-secrets.ts`,
    name: 'MAX_REMOTES',
    what: 'Remote clusters by Secrets',
    hit: 'a further one is refused',
  },
  {
    file: `${PLANE}/sources/kubernetes/source.ts`,
    name: 'FIRST_SYNC_MS',
    what: 'Time a Kubernetes API has to tell all before others wait no longer, ms',
    hit: 'remote clusters come when they do; without the local one nothing is served',
  },
  {
    file: `${PLANE}/schema/yaml.ts`,
    name: 'MAX_ALIASES',
    what: 'Expansions of YAML aliases in a document',
    hit: 'an error in that file',
  },
  {
    file: `${PLANE}/ca/serving.ts`,
    name: 'HANDSHAKE_TIMEOUT_MS',
    what: 'A TLS handshake, ms',
    hit: 'the socket is closed',
  },
  { file: `${PLANE}/ca/tokens.ts`, name: 'MAX_TOKEN_BYTES', what: 'Bytes of a token', hit: 'UNAUTHENTICATED' },
  {
    file: `${PLANE}/ca/token-review.ts`,
    name: 'MAX_UNDER_WAY',
    what: 'Tokens that a Kubernetes API reviews at once',
    hit: 'a further caller is refused, and told to try again',
  },
  {
    file: `${PLANE}/ca/token-review.ts`,
    name: 'MAX_HELD',
    what: 'Reviewed tokens that are remembered',
    hit: 'the oldest is reviewed again when it comes',
  },
  {
    file: `${PLANE}/ca/token-review.ts`,
    name: 'HELD_MS',
    what: 'Time a token counts as reviewed, ms',
    hit: 'it is reviewed again; a pod that is deleted is known for so long',
  },
  {
    file: `${PLANE}/sources/kubernetes/token-reviews.ts`,
    name: 'ANSWER_MS',
    what: 'Time to a review, ms',
    hit: 'the caller is refused, and told to try again',
  },
  {
    file: `${PLANE}/writer/leadership.ts`,
    name: 'DEADLINE_MS',
    what: 'Time in which a leader has to renew its Lease, ms',
    hit: 'it writes no more',
  },
  {
    file: `${PLANE}/writer/root-config-maps.ts`,
    name: 'WRITES_AT_A_TIME',
    what: 'ConfigMaps that are written at once',
    hit: 'further ones wait',
  },
  {
    file: `${PLANE}/ca/issuer.ts`,
    name: 'MAX_CSR_BYTES',
    what: 'Bytes of a signing request',
    hit: 'INVALID_ARGUMENT',
  },
  {
    file: `${PLANE}/xds/service.ts`,
    name: 'MAX_STREAMS',
    what: 'Discovery streams of a process',
    hit: 'one more is refused: RESOURCE_EXHAUSTED',
  },
  {
    file: `${PLANE}/xds/service.ts`,
    name: 'FIRST_REQUEST_TIMEOUT_MS',
    what: 'From a stream to its first request, ms',
    hit: 'DEADLINE_EXCEEDED',
  },
  {
    file: `${PLANE}/xds/grpc-server.ts`,
    name: 'grpc.max_receive_message_length',
    what: 'Bytes of one request',
    hit: 'RESOURCE_EXHAUSTED',
  },
  {
    file: `${PLANE}/xds/grpc-server.ts`,
    name: 'grpc.max_concurrent_streams',
    what: 'Calls at once on one connection',
    hit: 'further ones wait at the client',
  },
  {
    file: `${PLANE}/xds/grpc-server.ts`,
    name: 'SHUTDOWN_GRACE_MS',
    what: 'Running calls when it stops, ms',
    hit: 'they are cut',
  },
  {
    file: `${PLANE}/federation/state.ts`,
    name: 'MAX_PEERS',
    what: 'Peers of a control plane',
    hit: '`peer add` and further files are refused',
  },
  {
    file: `${PLANE}/federation/receivers.ts`,
    name: 'MAX_STREAMS_PER_PEER',
    what: 'Streams of one peer at once, all its replicas together',
    hit: 'RESOURCE_EXHAUSTED',
  },
  {
    file: `${PLANE}/federation/imports.ts`,
    name: 'MAX_RECORDS',
    what: 'Services, workloads and gateways taken from one peer',
    hit: 'the rest is left out and told',
  },
  {
    file: `${PLANE}/federation/connection.ts`,
    name: 'MAX_SYNC_BYTES',
    what: 'Bytes taken from one peer, of all that it exports; and of its changes after that',
    hit: 'at first: it is not listened to, what was in force stays, and it is told; of changes: all is read anew',
  },
  {
    file: `${PLANE}/federation/imports.ts`,
    name: 'MAX_PROBLEMS',
    what: 'Records of a peer that are told as refused',
    hit: 'further ones are left out untold',
  },
  {
    file: `${PLANE}/ca/trust-service.ts`,
    name: 'MAX_STREAMS',
    what: 'Proxies that follow the trust bundles',
    hit: 'RESOURCE_EXHAUSTED; the proxy asks again',
  },
  {
    file: `${PLANE}/ca/key-sets.ts`,
    name: 'MAX_BYTES',
    what: 'Bytes of a JWKS at a URL',
    hit: 'it is not taken; the keys before count',
  },
  {
    file: `${PLANE}/ca/key-sets.ts`,
    name: 'TIMEOUT_MS',
    what: 'Wait for a JWKS at a URL, ms',
    hit: 'the keys before count',
  },
  {
    file: `${PLANE}/ca/key-sets.ts`,
    name: 'COOLDOWN_MS',
    what: 'Shortest time between two requests to a JWKS URL, ms',
    hit: 'tokens of keys that it lacked are refused meanwhile',
  },
  {
    file: `${PLANE}/federation/identity.ts`,
    name: 'MAX_CHAIN',
    what: 'Certificates from a peer to its root',
    hit: 'the peer is refused',
  },
  {
    file: `${PLANE}/federation/exchange.ts`,
    name: 'MAX_MESSAGE_BYTES',
    what: 'Bytes of an answer to an invitation',
    hit: 'the exchange fails',
  },
  {
    file: `${PLANE}/federation/strangers.ts`,
    name: 'MAX_EXCHANGES',
    what: 'Invitations that are being accepted at once',
    hit: 'RESOURCE_EXHAUSTED',
  },
  {
    file: `${PLANE}/federation/strangers.ts`,
    name: 'EXCHANGE_MS',
    what: 'Time to accept an invitation, ms',
    hit: 'DEADLINE_EXCEEDED',
  },
  {
    file: `${PLANE}/federation/records.ts`,
    name: 'MAX_ROOTS_LENGTH',
    what: 'Characters of the roots of a peer',
    hit: 'it is no peer; later, the roots before count',
  },
  {
    file: `${PLANE}/federation/federation.ts`,
    name: 'FIRST_SYNC_MS',
    what: 'Wait for peers at start, ms',
    hit: 'proxies are served what was saved of them, or nothing',
  },
  {
    file: `${PLANE}/federation/receivers.ts`,
    name: 'MAX_TOLD',
    what: 'Refused callers that are remembered as told',
    hit: 'all are logged once more',
  },
  {
    file: `${PLANE}/federation/saved/format.ts`,
    name: 'MAX_SAVED_BYTES',
    what: 'Bytes of what is saved of one peer',
    hit: 'it is not saved, nor read; a restart while the peer is away then loses it',
  },
  {
    file: `${PLANE}/federation/saved/keeper.ts`,
    name: 'REFRESH_MS',
    what: 'Age in ms that saved imports understate at most',
    hit: 'they are written anew',
  },
  {
    file: `${PLANE}/federation/roots.ts`,
    name: 'REFRESH_MS',
    what: 'How often a connected peer is asked for its roots, ms; when it changes them, it makes its peers ask',
    hit: 'other roots count from then on',
  },
  {
    file: `${PLANE}/xds/session.ts`,
    name: 'MAX_RESPONSE_BYTES',
    what: 'Bytes of resources in one response',
    hit: 'the rest follows in the next; a larger resource travels alone',
  },
  {
    file: `${PLANE}/xds/session.ts`,
    name: 'MAX_FOREIGN_TYPES',
    what: 'Unknown resource types a stream may ask for',
    hit: 'INVALID_ARGUMENT',
  },
  {
    file: `${PLANE}/xds/session.ts`,
    name: 'MAX_NAME_LENGTH',
    what: 'Characters of a type, or of a name that is asked for',
    hit: 'INVALID_ARGUMENT',
  },
  {
    file: `${PLANE}/xds/node.ts`,
    name: 'MAX_ID_LENGTH',
    what: 'Characters of the id of a node',
    hit: 'INVALID_ARGUMENT',
  },
  {
    file: `${PLANE}/xds/session.ts`,
    name: 'MAX_REASON_LENGTH',
    what: "Characters kept of a NACK's reason",
    hit: 'it is cut',
  },
  {
    file: `${PLANE}/xds/subscription.ts`,
    name: 'MAX_IN_FLIGHT',
    what: 'Unacknowledged responses remembered',
    hit: 'an acknowledgement of an older one is ignored',
  },
  {
    file: `${PLANE}/xds/subscription.ts`,
    name: 'MAX_WANTED_NAMES',
    what: 'Names one subscriber asks for of one type',
    hit: 'RESOURCE_EXHAUSTED',
  },
];

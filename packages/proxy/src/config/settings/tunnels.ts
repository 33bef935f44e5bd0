/** Settings: HBONE between proxies, and TLS and TCP of all connections. */
import { COMPLIANCE, type Compliance, KEEP_ALIVE_MS, MOST_KEEP_ALIVE_MS } from '@isthmus/sdk/runtime';
import { duration, durationWithin, flag, integer, oneOf } from '../kinds.js';
import { type SettingTable, setting } from '../table.js';

/** HTTP/2 numbers are bounded as RFC 9113 bounds them (sections 6.5.2 and 6.9.1). */
const MAX_WINDOW = 2 ** 31 - 1;

export const TUNNELS = {
  baggage: setting<boolean>({
    env: ['AMBIENT_ENABLE_BAGGAGE', 'ENABLE_RESPONSE_BAGGAGE'],
    kind: flag,
    default: true,
    doc: "Peer metadata exchange: send baggage on CONNECT and on its answer, and read what peers send. ztunnel's name for the response part is accepted as an alias of the whole: half an exchange leaves one end unknown. Off changes labels and logs only.",
  }),
  poolMaxStreams: setting<number>({
    env: ['POOL_MAX_STREAMS_PER_CONNECTION'],
    kind: integer(1, 65_535),
    default: 100,
    doc: 'Streams on one pooled HBONE connection before another is opened.',
  }),
  poolUnusedReleaseMs: setting<number>({
    env: ['POOL_UNUSED_RELEASE_TIMEOUT'],
    kind: duration,
    default: 300_000,
    defaultText: '5m',
    doc: 'How long an unused pooled connection is kept.',
  }),
  http2StreamWindow: setting<number>({
    env: ['HTTP2_STREAM_WINDOW_SIZE'],
    kind: integer(65_535, MAX_WINDOW),
    default: 4_194_304,
    doc: 'Receive window of a stream in bytes: what one slow connection may hold in memory.',
  }),
  http2ConnectionWindow: setting<number>({
    env: ['HTTP2_CONNECTION_WINDOW_SIZE'],
    kind: integer(65_535, MAX_WINDOW),
    default: 16_777_216,
    doc: 'Receive window of an HBONE connection in bytes.',
  }),
  http2FrameSize: setting<number>({
    env: ['HTTP2_FRAME_SIZE'],
    kind: integer(16_384, 16_777_215),
    default: 1_048_576,
    doc: 'Largest HTTP/2 frame accepted, in bytes.',
  }),
  keepAlive: setting<boolean>({
    env: ['KEEPALIVE_ENABLED'],
    kind: flag,
    default: true,
    doc: 'TCP keepalive on every connection that is accepted or opened, to applications and between proxies. ztunnel leaves out those it accepts on 15008 and by SOCKS5.',
  }),
  keepAliveTimeMs: setting<number>({
    env: ['KEEPALIVE_TIME'],
    kind: durationWithin(1_000, MOST_KEEP_ALIVE_MS),
    default: KEEP_ALIVE_MS,
    defaultText: '180s',
    doc: 'How long such a connection is silent before the other end is probed. Of an end that does not answer the connection is given up 10 s later: one probe a second is what Node has libuv send, ten times; ztunnel sends KEEPALIVE_RETRIES, one each KEEPALIVE_INTERVAL.',
  }),
  tls12: setting<boolean>({
    env: ['TLS12_ENABLED'],
    kind: flag,
    default: false,
    doc: 'Allows TLS 1.2 besides 1.3, between workloads and to the control plane, with ECDHE and AES-GCM only, without renegotiation. istiod with a compliance policy of fips-140-2 speaks nothing newer.',
  }),
  compliancePolicy: setting<Compliance | undefined>({
    env: ['COMPLIANCE_POLICY'],
    kind: oneOf(...COMPLIANCE),
    default: undefined,
    doc: "Restricts TLS further, between workloads and to the control plane. fips-140-2: groups P-256 and P-384; whether the cryptographic module is a validated one is up to the Node in use. pqc: the group X25519MLKEM768 alone; the proxy does not start where Node's OpenSSL has none (before 3.5), or with TLS12_ENABLED.",
  }),
} satisfies SettingTable;

/**
 * One incremental xDS stream, from connecting to its end. It never rejects: a stream that could not be opened is a
 * stream that ended. A connection of its own, because each is verified against the roots read for it.
 */
import { type Client, type ClientDuplexStream, connectivityState, type Metadata, status } from '@grpc/grpc-js';
import type { Clock } from '../runtime/clock.js';
import { type ControlPlaneAccess, connectControlPlane } from '../runtime/control-plane.js';
import { failureOf } from '../runtime/grpc-client.js';
import type { discoveryPb } from '../wire/protos.js';
import { discoveryService } from '../wire/services.js';

type Request = discoveryPb.DeltaDiscoveryRequest;
type Response = discoveryPb.DeltaDiscoveryResponse;

export interface DeltaStreamInit {
  readonly access: ControlPlaneAccess;
  readonly clock: Clock;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** What to send first; called once the credentials are read. */
  open(): readonly Request[];
  /** The server answered: the stream is accepted. */
  onAccepted(): void;
  /** The reply to send. */
  onResponse(response: Response): Request;
  /** Called once the stream exists, with the way to send more; sending on a stream that has ended does nothing. */
  onOpened?(send: (request: Request) => void): void;
}

/** ztunnel's reasons, which are label values of `istio_xds_connection_terminations_total`. */
export type TerminationReason = 'ConnectionError' | 'Error' | 'Reconnect' | 'Complete';

export interface StreamEnd {
  readonly reason: TerminationReason;
  /** For people. */
  readonly detail: string;
}

/** TCP and TLS together; ztunnel allows TCP 5 s. Without it a dropped SYN would hold a stream for minutes. */
const CONNECT_TIMEOUT_MS = 10_000;

/** What a server says that restarts or hands over; nothing is wrong with the stream itself. */
const RECONNECT_CODES: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.UNAVAILABLE,
]);

export async function runDeltaStream(init: DeltaStreamInit): Promise<StreamEnd> {
  let client: Client | undefined;
  try {
    const connection = await connectControlPlane(init.access);
    client = connection.client;
    return await run(client, connection.metadata, init);
  } catch (error) {
    return { reason: 'ConnectionError', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    client?.close();
  }
}

function run(client: Client, metadata: Metadata, init: DeltaStreamInit): Promise<StreamEnd> {
  const { clock, signal } = init;
  const { path, requestSerialize, responseDeserialize } = discoveryService.deltaAggregatedResources;
  const call: ClientDuplexStream<Request, Response> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    metadata,
  );
  return new Promise((resolve) => {
    let accepted = false;
    let timedOut = false;
    const cancel = () => call.cancel();
    const disarm = clock.schedule(CONNECT_TIMEOUT_MS, () => {
      timedOut = client.getChannel().getConnectivityState(false) !== connectivityState.READY;
      if (timedOut) cancel();
    });
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();

    call.on('metadata', () => {
      accepted = true;
      init.onAccepted();
    });
    call.on('data', (response: Response) => call.write(init.onResponse(response)));
    // The status says the same; without a listener the error would be thrown.
    call.on('error', () => {});
    call.on('status', ({ code, details }) => {
      disarm();
      signal.removeEventListener('abort', cancel);
      resolve(timedOut ? TIMED_OUT : streamEnd(code, details, accepted));
    });
    for (const request of init.open()) call.write(request);
    init.onOpened?.((request) => void (call.writable && call.write(request)));
  });
}

const TIMED_OUT: StreamEnd = {
  reason: 'ConnectionError',
  detail: `no TLS connection within ${CONNECT_TIMEOUT_MS / 1000} s`,
};

function streamEnd(code: status, details: string, accepted: boolean): StreamEnd {
  if (code === status.OK) return { reason: 'Complete', detail: 'the server ended the stream' };
  const detail = `${status[code]}: ${failureOf(details)}`;
  if (!accepted) return { reason: 'ConnectionError', detail };
  return { reason: RECONNECT_CODES.has(code) ? 'Reconnect' : 'Error', detail };
}

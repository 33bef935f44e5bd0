/**
 * Two joined ends, from the first byte to the last: bytes are counted while they flow, and how it ended becomes an
 * outcome for metrics and log. Ends early when the process is told to stop or a policy no longer allows the connection.
 */
import { channelOf, ErrorCode, errorCodeName, type PumpEnd, type PumpSide, pump } from '@isthmus/sdk/hbone';
import { Fault } from '@isthmus/sdk/wire';
import type { ConnectionRecord, Outcome } from '../telemetry/types.js';

export interface JoinInit {
  /** Where the connection came from. */
  readonly client: PumpSide;
  /** Where it goes to. */
  readonly server: PumpSide;
  readonly record: Pick<ConnectionRecord, 'received' | 'sent'>;
  /** Aborts with the `Outcome` to report as its reason. */
  readonly cut: AbortSignal;
}

/**
 * What a cut tunnel is reset with. Not CANCEL, which every reader takes for an orderly end: bytes are missing. Not
 * CONNECT_ERROR either, which says that an application reset its connection.
 */
const CUT = ErrorCode.INTERNAL_ERROR;

/** Never rejects. */
export async function join({ client, server, record, cut }: JoinInit): Promise<Outcome> {
  const downstream = channelOf(client);
  const done = pump(downstream, server, record);
  const onCut = () => downstream.reset(CUT);
  if (cut.aborted) onCut();
  else cut.addEventListener('abort', onCut, { once: true });
  const end = await done;
  cut.removeEventListener('abort', onCut);
  return cut.aborted ? (cut.reason as Outcome) : outcomeOf(end);
}

/** An application that resets its TCP connection is within its rights; as with ztunnel that is no failure of the mesh. */
function outcomeOf(end: PumpEnd): Outcome {
  if (end.kind === 'clean') return { kind: 'ok' };
  if (end.kind === 'reset') {
    if (end.errorCode === ErrorCode.CONNECT_ERROR) return { kind: 'ok' };
    return lost(`the ${end.side} proxy reset the tunnel with ${errorCodeName(end.errorCode)}`);
  }
  if (end.error instanceof Fault) return { kind: 'fault', code: end.error.code, message: end.error.message };
  const code = 'code' in end.error ? end.error.code : undefined;
  if (code === 'ECONNRESET' || code === 'EPIPE') return { kind: 'ok' };
  return lost(`the ${end.side} connection was lost: ${end.error.message}`);
}

function lost(message: string): Outcome {
  return { kind: 'fault', code: 'TUNNEL_LOST', message };
}

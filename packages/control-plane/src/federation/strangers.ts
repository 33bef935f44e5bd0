/**
 * Calls of who has not proved anything yet, and may be anybody who reaches the port: of those gRPC would hold messages as
 * large as peers may send. So who answers here is said without reading what they send; and an invitation is taken while one
 * is open, by MAX_EXCHANGES callers at a time, each for EXCHANGE_MS.
 */
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Clock } from '@isthmus/sdk/runtime';
import { peeringService } from './exchange.js';
import type { Peer } from './records.js';
import { NOT_KNOWN } from './state.js';

/** An administrator accepts an invitation now and then; the rest is somebody who tries. */
const MAX_EXCHANGES = 16;
/** More than who accepts waits for the answer. */
const EXCHANGE_MS = 15_000;

export interface StrangersInit {
  readonly own: () => Peer;
  /** Whether there is an invitation that somebody may come with. */
  readonly isInviting: () => Promise<boolean>;
  readonly clock: Clock;
}

type Call = ConstructorParameters<typeof ServerInterceptingCall>[0];

/** Of methods other than the exchange's it knows nothing. */
export function createStrangers({ own, isInviting, clock }: StrangersInit): ServerInterceptor {
  let exchanges = 0;

  function describe(call: Call): ServerInterceptingCall {
    const onReceiveMetadata = () => {
      call.sendMetadata(new Metadata());
      call.sendMessage(own(), () => call.sendStatus({ code: status.OK, details: '' }));
    };
    return new ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata }) });
  }

  function exchange(call: Call): ServerInterceptingCall {
    let end = () => {};
    const refuse = (code: status, details: string) => call.sendStatus({ code, details });
    const onReceiveMetadata = (metadata: Metadata, admit: (metadata: Metadata) => void) => {
      if (exchanges >= MAX_EXCHANGES) return refuse(status.RESOURCE_EXHAUSTED, 'too many at this moment; try again');
      exchanges += 1;
      const disarm = clock.schedule(EXCHANGE_MS, () => refuse(status.DEADLINE_EXCEEDED, 'no request came in time'));
      end = () => {
        disarm();
        exchanges -= 1;
        end = () => {};
      };
      isInviting().then(
        (isOpen) => (isOpen ? admit(metadata) : refuse(status.PERMISSION_DENIED, NOT_KNOWN)),
        () => refuse(status.UNAVAILABLE, 'invitations cannot be read at this moment; try again'),
      );
    };
    // Told of every end, its own status included.
    const onCancel = () => end();
    return new ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata, onCancel }) });
  }

  return ({ path }, call) => {
    if (path === peeringService.describe.path) return describe(call);
    return path === peeringService.exchange.path ? exchange(call) : new ServerInterceptingCall(call);
  };
}

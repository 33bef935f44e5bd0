/**
 * Drives one session over one gRPC stream. At most one response is on its way to the transport; the next is made when
 * that one was taken, so that a reader that stops costs one response of memory and no work.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { DeltaResponseOrBytes, discoveryPb } from '@isthmus/sdk/wire';
import type { Outgoing } from './responses.js';
import type { Received, Session } from './session.js';
import type { VersionedView } from './views.js';

export type DeltaCall = ServerDuplexStream<discoveryPb.DeltaDiscoveryRequest, DeltaResponseOrBytes>;

export interface StreamInit {
  readonly call: DeltaCall;
  readonly session: Session;
  readonly view: () => VersionedView | undefined;
  readonly subscribe: (onNewer: () => void) => () => void;
  readonly onReceived: (received: Received) => void;
  readonly onSent: (outgoing: Outgoing) => void;
}

/** Serves until the client goes or the call is ended by somebody else. Rejects when a view cannot be made. */
export function serveStream({ call, session, view, subscribe, onReceived, onSent }: StreamInit): Promise<void> {
  return new Promise((resolve, reject) => {
    let isWriting = false;
    let isScheduled = false;
    let isOver = false;
    const unsubscribe = subscribe(schedule);
    call.on('data', (request: discoveryPb.DeltaDiscoveryRequest) => {
      onReceived(session.receive(request));
      schedule();
    });
    // The client has no more to say; answering on would be to nobody.
    call.on('end', () => call.end());
    call.on('cancelled', finish);
    call.on('error', finish);
    call.on('close', finish);
    // Admission paused it after the first request; a listener alone does not undo that.
    call.resume();

    /** Not at once: the first requests of all types arrive together, and the order among types is ours to choose. */
    function schedule(): void {
      if (isScheduled || isWriting || isOver) return;
      isScheduled = true;
      setImmediate(() => {
        isScheduled = false;
        try {
          send();
        } catch (error) {
          // Thrown from here it would end the process.
          reject(error);
          finish();
        }
      });
    }

    function send(): void {
      const newest = isWriting || isOver || call.writableEnded ? undefined : view();
      const outgoing = newest && session.next(newest);
      if (!outgoing) return;
      isWriting = true;
      call.write(outgoing.bytes, () => {
        isWriting = false;
        schedule();
      });
      onSent(outgoing);
    }

    function finish(): void {
      if (isOver) return;
      isOver = true;
      unsubscribe();
      resolve();
    }
  });
}

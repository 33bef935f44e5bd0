/** What capture hands to a role: a client's connection, for whom it is, and where it wants to go. */
import type { Socket } from 'node:net';
import type { OutboundTarget } from '@isthmus/sdk/routing';
import type { FaultCode } from '@isthmus/sdk/wire';
import type { WorkloadName } from '../config.js';

export interface Captured {
  /** The workload in whose name the connection goes on. */
  readonly workload: WorkloadName;
  readonly target: OutboundTarget;
  /** Paused; what the client sent after its request is still to be read from it. Has a listener for `error`. */
  readonly socket: Socket;
  /** `ip:port` of the client. */
  readonly clientAddress: string;
  readonly clientIp: string;
  /** Tells the client that it is connected, where its protocol can say so. */
  accept(): void;
  /** Tells the client why not, as far as its protocol can, and closes. */
  refuse(code: FaultCode): void;
}

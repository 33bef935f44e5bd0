import { Fault, type FaultCode } from '../../wire/faults.js';

/**
 * The CONNECT got no answer and never will, and nothing of the user's was sent: it may be sent again on another
 * connection. `refused` when the peer said so (REFUSED_STREAM, GOAWAY), `lost` when the connection died under it.
 */
export class NotProcessed extends Fault {
  readonly how: 'refused' | 'lost';

  constructor(how: 'refused' | 'lost', code: FaultCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
    this.how = how;
  }
}

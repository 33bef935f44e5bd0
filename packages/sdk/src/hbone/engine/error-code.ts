/** HTTP/2 error codes (RFC 9113 section 7) and the error that ends a connection. */

import { ErrorCode } from '@isthmus/codec-wasm';

export { ErrorCode };

const NAMES = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

/** The code's name for logs; unknown codes in hexadecimal (RFC 9113 section 7 lets them pass). */
export function errorCodeName(code: number): string {
  return NAMES.get(code) ?? `0x${code.toString(16)}`;
}

/** A reset with one of these is a peer that has simply finished (h2's reading, hence ztunnel's). */
export function isCleanReset(code: number): boolean {
  return code === ErrorCode.NO_ERROR || code === ErrorCode.CANCEL;
}

/** The peer broke a rule of the connection: it ends with a GOAWAY of this code, and no other connection notices. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

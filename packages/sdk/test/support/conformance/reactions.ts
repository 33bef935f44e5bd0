/**
 * What a subject answered, as text that a table of cases can state: one entry per frame, in the order on the wire, and
 * `closed` when it hung up. Everything counts, so a case that expects nothing proves that nothing came.
 */
import { errorCodeName } from '../../../src/hbone/engine/error-code.js';
import type { ParsedFrame } from '../raw-frames.js';

const END_STREAM = 0x1;
const ACK = 0x1;

export function describeFrame(frame: ParsedFrame): string {
  const { type, streamId, payload, flags } = frame;
  const ends = (flags & END_STREAM) !== 0 ? ' END_STREAM' : '';
  const acknowledges = (flags & ACK) !== 0 ? ' ACK' : '';
  switch (type) {
    case 'DATA':
      return `DATA ${streamId} ${payload.length > 40 ? `${payload.length} bytes` : JSON.stringify(payload.toString())}${ends}`;
    case 'HEADERS':
      return `HEADERS ${streamId} ${headOf(payload)}${ends}`;
    case 'RST_STREAM':
      return `RST_STREAM ${streamId} ${errorCodeName(frame.errorCode ?? 0)}`;
    case 'GOAWAY':
      return `GOAWAY ${payload.readUInt32BE(0)} ${errorCodeName(frame.errorCode ?? 0)}`;
    case 'WINDOW_UPDATE':
      return `WINDOW_UPDATE ${streamId} +${frame.increment}`;
    case 'PING':
      return `PING${acknowledges} ${payload.toString('latin1')}`;
    case 'SETTINGS':
      return `SETTINGS${acknowledges}`;
    default:
      return `${type} ${streamId}`;
  }
}

/** The statuses of HPACK's static table, by the byte that stands for the whole field. */
const INDEXED_STATUS = new Map([
  [0x88, '200'],
  [0x8b, '304'],
  [0x8c, '400'],
  [0x8d, '404'],
  [0x8e, '500'],
]);

/** `:status` of an answer, or `request`: our encoder always puts the first pseudo-header field first and never indexes. */
function headOf(block: Buffer): string {
  const indexed = INDEXED_STATUS.get(block[0] ?? 0);
  if (indexed !== undefined) return indexed;
  const isLiteralStatus = block[0] === 0x08 && block[1] === 3;
  return isLiteralStatus ? block.toString('latin1', 2, 5) : 'request';
}

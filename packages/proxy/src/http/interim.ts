/**
 * 1xx answers on their way to a client. Hop-by-hop lines end here, as those of any answer; and an application has no more
 * passed on for one request than one head may hold, or a client that reads slowly would have them pile up here. What is
 * over that is dropped: each of them may be left out (RFC 9110 section 15.2).
 */
import type { Downstream, Fields } from './exchange.js';
import { forwardedResponseFields } from './headers.js';
import type { InformationListener } from './upstream-connection.js';

/** `HTTP/1.1 103 Early Hints` and its line ends. */
const STATUS_LINE_BYTES = 32;

export function interimTo(downstream: Pick<Downstream, 'inform'>, mostBytes: number): InformationListener {
  let left = mostBytes;
  return (status, fields) => {
    const kept = forwardedResponseFields(fields);
    left -= sizeOf(kept);
    if (left >= 0) downstream.inform(status, kept);
  };
}

function sizeOf(fields: Fields): number {
  return fields.reduce((size, [name, value]) => size + name.length + value.length + 4, STATUS_LINE_BYTES);
}

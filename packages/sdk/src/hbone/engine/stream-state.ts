/**
 * The life of a stream: RFC 9113 section 5.1, restricted to what CONNECT uses (no push, hence nothing reserved).
 *
 *                  HEADERS sent or received
 *                            |
 *                            v
 *      send END_STREAM   +------+   receive END_STREAM
 *        +---------------| open |----------------+
 *        |               +------+                |
 *        v                   | reset             v
 *  +-------------------+     |     +--------------------+
 *  | half-closed-local |     |     | half-closed-remote |
 *  +-------------------+     |     +--------------------+
 *        | receive           v             | send
 *        | END_STREAM    +--------+        | END_STREAM
 *        +-------------->| closed |<-------+
 *            or reset    +--------+   or reset
 *
 * `idle` needs no object: a stream with a higher number than any seen is idle, one with a lower number and no object is
 * closed.
 */
export type StreamState = 'open' | 'half-closed-local' | 'half-closed-remote' | 'closed';
export type StreamStep = 'send-end' | 'receive-end' | 'reset';

const STEPS: Readonly<Record<StreamState, Readonly<Record<StreamStep, StreamState>>>> = {
  open: { 'send-end': 'half-closed-local', 'receive-end': 'half-closed-remote', reset: 'closed' },
  'half-closed-local': { 'send-end': 'half-closed-local', 'receive-end': 'closed', reset: 'closed' },
  'half-closed-remote': { 'send-end': 'closed', 'receive-end': 'half-closed-remote', reset: 'closed' },
  closed: { 'send-end': 'closed', 'receive-end': 'closed', reset: 'closed' },
};

export function nextState(state: StreamState, step: StreamStep): StreamState {
  return STEPS[state][step];
}

/** We may send DATA. */
export function canSend(state: StreamState): boolean {
  return state === 'open' || state === 'half-closed-remote';
}

/** The peer may send DATA. */
export function canReceive(state: StreamState): boolean {
  return state === 'open' || state === 'half-closed-local';
}

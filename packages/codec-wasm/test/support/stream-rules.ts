/**
 * Where a conversation leaves what the codec judges: stream states, flow control and the meaning of fields are its user's
 * to judge (RFC 9113 sections 5.1, 6.9.1, 8.1), and a server like node:http2 judges them at once.
 */
import type { Entry } from './log.js';

/** Far below any window, so that no case has to count them. */
const LARGE = 0x10000;

type Headers = Extract<Entry, { event: 'headers' }>;

/** Whether a server may refuse something in the log that broke no rule of the codec. */
export function leavesTheCodec(log: readonly Entry[]): boolean {
  const rules = new StreamRules();
  return log.some((entry) => rules.mayBeRefused(entry));
}

class StreamRules {
  /** Whether the client may still send on it. */
  readonly #open = new Map<number, boolean>();
  #highest = 0;
  #acks = 0;

  mayBeRefused(entry: Entry): boolean {
    switch (entry.event) {
      case 'headers':
        return !this.#opens(entry.streamId, !entry.endStream) || entry.refused || !isPlainRequest(entry);
      case 'stream-error':
        // In any state of the stream, or in none.
        if (entry.violation === 'PRIORITY_LENGTH') return false;
        if (entry.violation === 'STREAM_WINDOW_UPDATE_ZERO') return this.#open.get(entry.streamId) !== true;
        // A request that is refused has opened its stream all the same, and ended it.
        return !this.#opens(entry.streamId, false);
      case 'data':
        return !this.#sends(entry.streamId, entry.endStream) || entry.flowBytes > LARGE;
      case 'rst':
        return !this.#sends(entry.streamId, true);
      case 'window':
        return (entry.streamId > 0 && this.#open.get(entry.streamId) !== true) || entry.increment > LARGE;
      case 'settings':
        return (entry.ack && ++this.#acks > 1) || entry.entries.some(([id, value]) => id === 4 && value > LARGE);
      case 'ping':
        // Nobody asked.
        return entry.ack;
      case 'goaway':
        return true;
      default:
        return false;
    }
  }

  #opens(streamId: number, staysOpen: boolean): boolean {
    if (streamId <= this.#highest) return false;
    this.#highest = streamId;
    this.#open.set(streamId, staysOpen);
    return true;
  }

  #sends(streamId: number, ends: boolean): boolean {
    if (this.#open.get(streamId) !== true) return false;
    if (ends) this.#open.set(streamId, false);
    return true;
  }
}

/** Not one that RFC 9110 has something to say against, beyond the field rules of RFC 9113 section 8. */
function isPlainRequest({ fields }: Headers): boolean {
  const value = (name: string): string | undefined => fields.find(([field]) => field === name)?.[1];
  const [method, authority, path, scheme] = [':method', ':authority', ':path', ':scheme'].map(value);
  if (!/^[A-Z]+$/.test(method ?? '') || fields.some(([name]) => name === 'content-length' || name === 'host'))
    return false;
  if (authority !== undefined && !/^[\w.:]+$/.test(authority)) return false;
  return authority !== undefined && (method === 'CONNECT' || (path === '/' && scheme === 'http'));
}

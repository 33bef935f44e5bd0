/**
 * The original destination by the kernel's table of connections, `/proc/net/nf_conntrack`, for where koffi is not. An
 * entry lists both directions of a connection: the client's packets as they were sent, and the answers as they are
 * expected, which name this end as it was redirected. The pair of an accepted socket's two ends occurs once among the
 * latter, so what is found is exact; what is not found is unknown.
 *
 * Bounds: the table is read by one reader at a time, whose answer serves everyone who asked before it began; a table over
 * `MAX_TABLE_BYTES` is not read, because every connection would pay for it.
 */
import { open } from 'node:fs/promises';
import { formatSocketAddress, plainIp, type SocketAddress } from '@isthmus/sdk/routing';
import { acceptedOn, type FindOriginal, type OriginalDestination } from './types.js';

export const CONNTRACK_TABLE = '/proc/net/nf_conntrack';

/** About 20,000 connections; reading as much takes some 20 ms. */
const MAX_TABLE_BYTES = 4 * 1_048_576;
const PIECE_BYTES = 65_536;

/** The two ends of an accepted connection, as its socket names them. */
export interface Ends {
  readonly accepted: SocketAddress;
  readonly client: SocketAddress;
}

/** Pure: what the table's text says about one connection. */
export function findInConntrack(table: string, { accepted, client }: Ends): SocketAddress | undefined {
  const wanted = keyOf(accepted, client);
  // Most lines are ruled out by their port, without being taken apart.
  const hint = ` dport=${client.port} `;
  for (let at = table.indexOf(hint); at >= 0; at = table.indexOf(hint, at + hint.length)) {
    const start = table.lastIndexOf('\n', at) + 1;
    const end = table.indexOf('\n', at);
    const entry = readEntry(table.slice(start, end < 0 ? undefined : end));
    if (entry && keyOf(entry.answers.from, entry.answers.to) === wanted) return entry.sent.to;
  }
  return undefined;
}

interface Direction {
  readonly from: SocketAddress;
  readonly to: SocketAddress;
}

/** `ipv4 2 tcp 6 300 ESTABLISHED src=… dst=… sport=… dport=… src=… dst=… sport=… dport=… [ASSURED] mark=0 use=1` */
function readEntry(line: string): { readonly sent: Direction; readonly answers: Direction } | undefined {
  const [sent, answers, ...more] = [...line.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)].map(
    ([, source = '', destination = '', sport, dport]): Direction => ({
      from: { host: plainIp(source) ?? '', port: Number(sport) },
      to: { host: plainIp(destination) ?? '', port: Number(dport) },
    }),
  );
  return line.includes(' tcp ') && sent && answers && more.length === 0 ? { sent, answers } : undefined;
}

function keyOf(a: SocketAddress, b: SocketAddress): string {
  const name = ({ host, port }: SocketAddress) => formatSocketAddress(plainIp(host) ?? host, port);
  return `${name(a)} ${name(b)}`;
}

/** Undefined when the table can be read now, else why not. */
export async function conntrackMissing(path = CONNTRACK_TABLE): Promise<string | undefined> {
  try {
    await (await open(path)).close();
    return undefined;
  } catch (error) {
    return `${path} cannot be read (${error instanceof Error ? error.message : String(error)})`;
  }
}

export function originalByConntrack(path = CONNTRACK_TABLE): FindOriginal {
  const table = sharedReading(() => readTable(path));
  return async (socket): Promise<OriginalDestination> => {
    const accepted = acceptedOn(socket);
    const { remoteAddress, remotePort } = socket;
    if (!accepted || remoteAddress === undefined || remotePort === undefined) {
      return { kind: 'unknown', reason: 'the client left before it could be asked where to' };
    }
    const ends = { accepted, client: { host: remoteAddress, port: remotePort } };
    try {
      const address = findInConntrack(await table(), ends);
      return address ? { kind: 'found', address } : { kind: 'unknown', reason: `${path} does not list the connection` };
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** A reading under way may be older than the connection that asks, so it waits for the next, with all who came meanwhile. */
function sharedReading<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;
  return () => {
    if (next) return next;
    const begin = () => {
      next = undefined;
      const reading = read();
      running = reading;
      return reading;
    };
    next = running ? running.then(begin, begin) : Promise.resolve().then(begin);
    return next;
  };
}

async function readTable(path: string): Promise<string> {
  const file = await open(path);
  try {
    const pieces: Buffer[] = [];
    for (let total = 0; ; ) {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(PIECE_BYTES) });
      if (bytesRead === 0) return Buffer.concat(pieces).toString('latin1');
      pieces.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
      if (total > MAX_TABLE_BYTES) throw new Error(`${path} is over ${MAX_TABLE_BYTES} bytes; install koffi instead`);
    }
  } finally {
    await file.close();
  }
}

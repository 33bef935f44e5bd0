/** Requests that ask to change the protocol: which are tunnelled, and how the others become ordinary requests. Pure. */
import type { IncomingMessage } from 'node:http';
import { fieldsOfRaw, fieldTokens, fieldValue } from './headers.js';

type Request = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'rawHeaders'>;

/** RFC 6455 section 4.1: a GET, and one without a body, or the tunnel's first bytes could not be told from it. */
export function asksForWebSocket({ method, rawHeaders }: Request): boolean {
  const fields = fieldsOfRaw(rawHeaders);
  const chunked = fieldValue(fields, 'transfer-encoding') !== undefined;
  const counted = Number(fieldValue(fields, 'content-length') ?? 0) !== 0;
  return method === 'GET' && !chunked && !counted && fieldTokens(fields, 'upgrade').includes('websocket');
}

const UPGRADE_NAMES: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);

/**
 * The head as it came but for the upgrade, for a second parse. RFC 9110 section 7.8 makes every upgrade optional; Java's
 * HttpClient offers h2c on each first request, with a body if there is one.
 */
export function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: Request): string {
  const lines = fieldsOfRaw(rawHeaders)
    .filter(([name]) => !UPGRADE_NAMES.has(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${name.toLowerCase() === 'connection' ? withoutUpgrade(value) : value}\r\n`);
  return `${method} ${url} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`;
}

function withoutUpgrade(connection: string): string {
  const tokens = connection.split(',');
  return tokens.filter((token) => !UPGRADE_NAMES.has(token.trim().toLowerCase())).join(',');
}

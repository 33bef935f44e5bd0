/**
 * The `:authority` of a CONNECT: `ip:port`, `[ipv6]:port` or `hostname:port`; the port is never left out.
 *
 * Any peer may send any bytes here, so the reading is strict: at most 261 characters, visible ASCII, no userinfo, no path,
 * port 1-65535 without sign or leading zero. Addresses come out canonical and hostnames in lower case without the root
 * dot, so that equal destinations have equal keys.
 */
import { plainIp } from './ip.js';

export type Authority =
  | { readonly kind: 'address'; readonly ip: string; readonly port: number }
  | { readonly kind: 'hostname'; readonly hostname: string; readonly port: number };

export type AuthorityReading =
  | { readonly ok: true; readonly authority: Authority }
  | { readonly ok: false; readonly reason: string };

/** 253 of a hostname (RFC 1035 section 2.3.4 without the length octets), a root dot, a colon, five digits, and a spare. */
const MAX_AUTHORITY = 261;
const MAX_HOSTNAME = 253;
/** Underscore is no hostname character by RFC 1123, yet Kubernetes headless names and SRV owners carry it. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const PORT = /^[1-9][0-9]{0,4}$/;

export function parseAuthority(text: string | undefined): AuthorityReading {
  if (text === undefined || text === '') return refused('no :authority');
  if (text.length > MAX_AUTHORITY) return refused(`:authority of ${text.length} characters`);
  const colon = text.lastIndexOf(':');
  if (colon <= 0) return refused(`no port in ${JSON.stringify(text)}`);
  const port = parsePort(text.slice(colon + 1));
  if (port === undefined) return refused(`no port from 1 to 65535 in ${JSON.stringify(text)}`);
  const host = text.slice(0, colon);
  const authority = host.startsWith('[') ? bracketed(host, port) : bare(host, port);
  return authority ? { ok: true, authority } : refused(`${JSON.stringify(host)} is no IP address and no hostname`);
}

export function formatAuthority(authority: Authority): string {
  return authority.kind === 'hostname'
    ? `${authority.hostname}:${authority.port}`
    : formatSocketAddress(authority.ip, authority.port);
}

/** `host:port` with IPv6 in brackets. */
export function formatSocketAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Lower case, without the root dot; undefined when it cannot be a name. A last label of digits is refused: such a text is
 * a malformed address, and resolvers disagree about what it means.
 */
export function canonicalHostname(text: string): string | undefined {
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  if (name.length > MAX_HOSTNAME) return undefined;
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  return /^[0-9]+$/.test(labels.at(-1) ?? '') ? undefined : name;
}

function parsePort(text: string): number | undefined {
  const port = PORT.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

function bracketed(host: string, port: number): Authority | undefined {
  const inner = host.endsWith(']') ? host.slice(1, -1) : '';
  const ip = inner.includes(':') ? plainIp(inner) : undefined;
  return ip === undefined ? undefined : { kind: 'address', ip, port };
}

function bare(host: string, port: number): Authority | undefined {
  if (host.includes(':')) return undefined;
  const ip = plainIp(host);
  if (ip !== undefined) return { kind: 'address', ip, port };
  const hostname = canonicalHostname(host);
  return hostname === undefined ? undefined : { kind: 'hostname', hostname, port };
}

function refused(reason: string): AuthorityReading {
  return { ok: false, reason };
}

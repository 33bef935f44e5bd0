/**
 * The headers that carry a connection's story along: `forwarded` (who asked, and for which service) and `traceparent`.
 * Both are for telemetry alone; no plan and no policy reads them.
 */

/** `for="<client ip:port>";host=<service hostname>`, without spaces and with the host unquoted, as ztunnel writes it. */
export function formatForwarded({
  client,
  host,
}: {
  readonly client: string;
  readonly host?: string | undefined;
}): string {
  return host === undefined || host === '' ? `for="${client}"` : `for="${client}";host=${host}`;
}

/** No hostname is longer (RFC 1035); what is longer is somebody's attempt at something. */
const MAX_HOST = 253;

/**
 * The `host` of the first `forwarded` line: split at `;` only, case-sensitive, quotes dropped, visible ASCII only, empty
 * means none (ztunnel's reading). Returns undefined when there is none.
 */
export function parseForwardedHost(value: string | undefined): string | undefined {
  if (value === undefined || !/^[\x20-\x7e]*$/.test(value)) return undefined;
  const pair = value
    .split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith('host='));
  const host = pair?.slice('host='.length).replace(/^"(.*)"$/, '$1');
  return host === undefined || host === '' || host.length > MAX_HOST ? undefined : host;
}

/**
 * A new W3C trace context, not sampled: 16 bytes of trace id and 8 of parent id. All-zero ids are invalid by the
 * specification (section 3.2.2), so a zero id gets its last bit set.
 */
export function createTraceparent(random: Uint8Array): string {
  if (random.length < 24) throw new RangeError(`a traceparent needs 24 random bytes, got ${random.length}`);
  return `00-${hexId(random.subarray(0, 16))}-${hexId(random.subarray(16, 24))}-00`;
}

function hexId(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return /[^0]/.test(hex) ? hex : `${hex.slice(0, -1)}1`;
}

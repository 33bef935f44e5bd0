/**
 * The SOCKS5 handshake (RFC 1928) as a state machine over bytes: CONNECT only, no authentication, since the listener's
 * address says for whom it speaks. Pure; `socks5-server.ts` owns the socket. Holds at most `MAX_HANDSHAKE` bytes: a
 * greeting and a request at their longest, and refuses what is longer without having answered it.
 */
import type { OutboundTarget } from '@isthmus/sdk/routing';
import type { FaultCode } from '@isthmus/sdk/wire';

const VERSION = 5;
const NO_AUTHENTICATION = 0x00;
const NO_ACCEPTABLE_METHOD = 0xff;
const CONNECT = 0x01;

/** Reply codes of RFC 1928 section 6. */
export const REPLY = {
  succeeded: 0x00,
  generalFailure: 0x01,
  notAllowed: 0x02,
  networkUnreachable: 0x03,
  hostUnreachable: 0x04,
  connectionRefused: 0x05,
  commandNotSupported: 0x07,
  addressTypeNotSupported: 0x08,
} as const;

/** What a client is told for a fault; what is not listed is a general failure. The access log has the whole story. */
const REPLY_OF_FAULT: Partial<Record<FaultCode, number>> = {
  POLICY_DENY: REPLY.notAllowed,
  NO_GATEWAY: REPLY.networkUnreachable,
  UNKNOWN_DESTINATION: REPLY.hostUnreachable,
  NO_HEALTHY_UPSTREAM: REPLY.hostUnreachable,
  CONNECT_TIMEOUT: REPLY.hostUnreachable,
  CONNECT_FAILED: REPLY.connectionRefused,
};

export function replyOf(code: FaultCode): number {
  return REPLY_OF_FAULT[code] ?? REPLY.generalFailure;
}

/** A reply without a bound address: no client of a proxy can use one. */
export function replyBytes(code: number): Uint8Array {
  return Uint8Array.of(VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0);
}

/** 2 + 255 methods, 4 + 1 + 255 + 2 of a request by name. */
export const MAX_HANDSHAKE = 2 + 255 + 4 + 1 + 255 + 2;

export type Socks5Step =
  | { readonly kind: 'more' }
  /** Send these bytes and go on. */
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** The handshake is complete but for the reply. `rest` came after it. */
  | { readonly kind: 'request'; readonly target: OutboundTarget; readonly rest: Uint8Array }
  /** Send `bytes`, if any, and close. */
  | { readonly kind: 'refuse'; readonly reason: string; readonly bytes?: Uint8Array };

export interface Socks5Handshake {
  /** Adds what arrived. Call `next` until it wants more, refuses or has the request. */
  push(chunk: Uint8Array): void;
  next(): Socks5Step;
}

export function createSocks5Handshake(): Socks5Handshake {
  let bytes: Uint8Array = new Uint8Array(0);
  let greeted = false;

  return {
    push(chunk) {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    },
    next() {
      const version = bytes[0];
      if (version === undefined) return { kind: 'more' };
      if (version !== VERSION) return refusal(`the first byte is ${version}, SOCKS5 starts with 5`);
      if (greeted) return readRequest(bytes);
      const greeting = readGreeting(bytes);
      if (greeting.kind === 'send') {
        greeted = true;
        bytes = bytes.subarray(greetingLength(bytes));
      }
      return greeting;
    },
  };
}

function greetingLength(bytes: Uint8Array): number {
  return 2 + (bytes[1] ?? 0);
}

function readGreeting(bytes: Uint8Array): Socks5Step {
  if (bytes.length < 2 || bytes.length < greetingLength(bytes)) return { kind: 'more' };
  if (!bytes.subarray(2, greetingLength(bytes)).includes(NO_AUTHENTICATION)) {
    const answer = Uint8Array.of(VERSION, NO_ACCEPTABLE_METHOD);
    return refusal('the client does not offer "no authentication", the only method served', answer);
  }
  return { kind: 'send', bytes: Uint8Array.of(VERSION, NO_AUTHENTICATION) };
}

function readRequest(bytes: Uint8Array): Socks5Step {
  const [, command, , type] = bytes;
  if (command === undefined || type === undefined) return { kind: 'more' };
  if (command !== CONNECT) {
    return refusal(`command ${command} is not served, only CONNECT`, replyBytes(REPLY.commandNotSupported));
  }
  const length = addressLength(bytes, type);
  if (length === 'unknown') {
    return refusal(`address type ${type} is not known`, replyBytes(REPLY.addressTypeNotSupported));
  }
  if (length === 'more' || bytes.length < 4 + length + 2) return { kind: 'more' };
  const port = ((bytes[4 + length] ?? 0) << 8) | (bytes[5 + length] ?? 0);
  if (port === 0) return refusal('port 0 cannot be connected to', replyBytes(REPLY.generalFailure));
  const target = readTarget(bytes.subarray(4, 4 + length), type, port);
  if (!target) return refusal('the name is empty or not ASCII', replyBytes(REPLY.generalFailure));
  return { kind: 'request', target, rest: bytes.subarray(4 + length + 2) };
}

/** Of the address field, the length byte of a name included. */
function addressLength(bytes: Uint8Array, type: number): number | 'more' | 'unknown' {
  if (type === ADDRESS_TYPE.ipv4) return 4;
  if (type === ADDRESS_TYPE.ipv6) return 16;
  if (type !== ADDRESS_TYPE.name) return 'unknown';
  const length = bytes[4];
  return length === undefined ? 'more' : 1 + length;
}

const ADDRESS_TYPE = { ipv4: 1, name: 3, ipv6: 4 } as const;

function readTarget(address: Uint8Array, type: number, port: number): OutboundTarget | undefined {
  if (type === ADDRESS_TYPE.ipv4) return { kind: 'address', ip: address.join('.'), port };
  if (type === ADDRESS_TYPE.ipv6) {
    const groups = Array.from({ length: 8 }, (_, group) =>
      (((address[2 * group] ?? 0) << 8) | (address[2 * group + 1] ?? 0)).toString(16),
    );
    return { kind: 'address', ip: groups.join(':'), port };
  }
  const hostname = Buffer.from(address.subarray(1)).toString('latin1');
  return /^[\x21-\x7e]+$/.test(hostname) ? { kind: 'hostname', hostname, port } : undefined;
}

function refusal(reason: string, bytes?: Uint8Array): Socks5Step {
  return { kind: 'refuse', reason, ...(bytes && { bytes }) };
}

/** What two control planes hold of each other, and the invitation that brings them together: as values, and as text. */
import { splitPem } from '@isthmus/sdk/identity';
import { isCaCertificate } from '../ca/index.js';
import {
  formatPath,
  hostPort,
  INVALID,
  type Infer,
  identifier,
  list,
  required,
  type Schema,
  strictObject,
  string,
} from '../schema/index.js';

const MAX_ROOTS_LENGTH = 64 * 1024;
/** Roots of all peers are put into one text for TLS, which stops at the first piece that is no certificate. */
const pem = string({
  type: 'PEM certificates of CAs',
  test: (text) => text.length <= MAX_ROOTS_LENGTH && areRoots(text),
  expected: 'PEM certificates of CAs, nothing else, of at most 64 KiB',
});

function areRoots(text: string): boolean {
  const pems = splitPem(text);
  return pems.length > 0 && pems.every(isCaCertificate) && withoutSpace(pems.join('')) === withoutSpace(text);
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s/g, '');
}

export const fingerprint = string({
  type: 'SHA-256 fingerprint',
  test: (text) => /^[0-9a-f]{64}$/.test(text),
  expected: '64 hexadecimal digits',
});

/** Another cluster's control plane. Nothing of it is secret. */
export const peerSchema = strictObject({
  cluster: required(identifier),
  network: required(identifier),
  trustDomain: required(identifier),
  /** Trust anchors of its CA, PEM. */
  roots: required(pem),
  /** Where it takes the streams of its peers. */
  address: required(hostPort),
});
export type Peer = Infer<typeof peerSchema>;

/** A peer as it is held here. */
export interface KnownPeer extends Peer {
  /** The roots that were exchanged with the invitation; `roots` are those that the peer has told of since. */
  readonly anchors: string;
}

/** The roots that a peer has told of over a connection verified against those before. */
export const bundleSchema = strictObject({
  /** SHA-256 of the roots that were exchanged with the invitation, after which all others came. */
  anchors: required(list(fingerprint)),
  roots: required(pem),
});

const invitationSchema = strictObject({
  cluster: required(identifier),
  address: required(hostPort),
  /** SHA-256 of the roots of the CA that invites; who answers there has to show exactly these. */
  fingerprints: required(list(fingerprint)),
  /** Names the invitation on the side that made it. */
  id: required(string()),
  secret: required(string()),
});
export type Invitation = Infer<typeof invitationSchema>;

/** What is held of an invitation by who made it. */
export const pendingSchema = strictObject({
  /** SHA-256 of the secret. */
  hash: required(fingerprint),
  /** ISO 8601. */
  expires: required(string()),
});
export type Pending = Infer<typeof pendingSchema>;

export const requestSchema = strictObject({
  id: required(string()),
  secret: required(string()),
  peer: required(peerSchema),
});
export type ExchangeRequest = Infer<typeof requestSchema>;

/** Of what is wrong with a text of a stranger so much is told. */
const MAX_PROBLEMS_LENGTH = 1_000;

/** Throws an error that names what is wrong. */
export function readJson<T>(what: string, text: string, schema: Schema<T>): T {
  const problems: string[] = [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${what} is no JSON`);
  }
  const read = schema.read(value, [], (path, message) => problems.push(`${formatPath(path)} ${message}`.trim()));
  if (read === INVALID || problems.length > 0)
    throw new Error(`${what} cannot be used: ${problems.join('; ').slice(0, MAX_PROBLEMS_LENGTH)}`);
  return read;
}

const PREFIX = 'isthmus-peer-1.';

/** One word, to be handed over as it is. */
export function formatInvitation(invitation: Invitation): string {
  return `${PREFIX}${Buffer.from(JSON.stringify(invitation)).toString('base64url')}`;
}

export function parseInvitation(text: string): Invitation {
  const word = text.trim();
  if (!word.startsWith(PREFIX))
    throw new Error('this is no invitation: "isthmus-control-plane peer invite" prints one');
  const json = Buffer.from(word.slice(PREFIX.length), 'base64url').toString();
  try {
    return readJson('the invitation', json, invitationSchema);
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : error}; copy the whole word that "peer invite" printed`,
    );
  }
}

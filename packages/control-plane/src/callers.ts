/**
 * How callers without a certificate prove who they are, by the settings: tokens signed with our own key, tokens of other
 * issuers whose keys are known, and tokens of the local cluster's service accounts.
 */
import type { Clock, Logger, Scope } from '@isthmus/sdk/runtime';
import {
  chooseVerifier,
  createJwtVerifier,
  createReviewVerifier,
  type KeySet,
  localKeySet,
  readJwks,
  readTokenKeys,
  remoteKeySet,
  type TokenSubject,
  type TokenVerifier,
} from './ca/index.js';
import { paceOf, type Settings } from './config.js';
import { followFile } from './files/index.js';
import { localApiOf } from './members.js';
import { createTokenReviewer } from './sources/index.js';

export interface CallerVerifierInit {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Rejects when a key cannot be used. */
export async function createCallerVerifier(
  scope: Scope,
  settings: Settings,
  init: CallerVerifierInit,
): Promise<TokenVerifier> {
  const { issuer, audience, keyFile, issuers } = settings.tokens;
  const now = () => init.clock.now();
  const byIssuer = new Map<string, TokenVerifier>();
  if (keyFile !== undefined) {
    const keys = await fileKeys(scope, settings, { ...init, path: keyFile, read: readTokenKeys, remedy: MAKE_KEY });
    byIssuer.set(issuer, createJwtVerifier({ issuer, audience, keys, remedy: issueAnew, now }));
  }
  for (const other of issuers) {
    const keys = await keysOf(scope, settings, { ...init, other });
    const own = { issuer: other.issuer, audience: other.audience ?? audience };
    byIssuer.set(other.issuer, createJwtVerifier({ ...own, keys, remedy: askIssuer(other.issuer), now }));
  }
  const local = localApiOf(settings);
  const ask = local && createTokenReviewer(local.access, init.clock, scope.signal);
  const others = ask && local.kubernetes.tokenReview ? createReviewVerifier({ ...init, audience, ask }) : undefined;
  return chooseVerifier({ byIssuer, others });
}

interface FileKeysInit extends CallerVerifierInit {
  readonly path: string;
  readonly remedy?: string;
  readonly read: (text: string) => ReturnType<typeof readTokenKeys> | ReturnType<typeof readJwks>;
}

async function fileKeys(scope: Scope, settings: Settings, { path, ...init }: FileKeysInit): Promise<KeySet> {
  const watching = { ...init, ...paceOf(settings) };
  const file = await followFile(scope, { ...watching, path, what: 'keys of tokens' });
  return localKeySet(path, () => file.current);
}

interface IssuerKeysInit extends CallerVerifierInit {
  readonly other: Settings['tokens']['issuers'][number];
}

async function keysOf(scope: Scope, settings: Settings, { other, ...init }: IssuerKeysInit): Promise<KeySet> {
  const { jwksFile, jwksUrl = '', caFile } = other;
  if (jwksFile !== undefined) return fileKeys(scope, settings, { ...init, path: jwksFile, read: readJwks });
  return remoteKeySet({ ...init, url: jwksUrl, caFile, signal: scope.signal });
}

const MAKE_KEY = '"isthmus-control-plane token" makes one';

function issueAnew(subject: TokenSubject | undefined): string {
  const { namespace = '<namespace>', serviceAccount = '<account>', pod, node } = subject ?? {};
  const bound = `${pod === undefined ? '' : ` --pod ${pod}`}${node === undefined ? '' : ` --node ${node}`}`;
  return `issue a new one: isthmus-control-plane token --config <file> --namespace ${namespace} --service-account ${serviceAccount}${bound}`;
}

function askIssuer(issuer: string): () => string {
  return () => `see that the proxy reads the newest token of ${issuer}, and compare the clocks`;
}

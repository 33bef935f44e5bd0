/**
 * The public keys of an issuer of tokens, as a live thing: of our own key file, of a JWKS in a file, or of one at a URL.
 *
 * Bounds of a URL: a document of MAX_BYTES within TIMEOUT_MS, redirections not followed; fetched again when it is older
 * than MAX_AGE_MS, or when a token names a key that it lacks, but not within COOLDOWN_MS of the last time, so that tokens
 * with invented key ids cost the issuer nothing. While it cannot be fetched, the keys it last had count.
 */
import { readFile } from 'node:fs/promises';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import type { Clock, Logger } from '@isthmus/sdk/runtime';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

export interface KeySet {
  readonly resolve: JWTVerifyGetKey;
  /** Where its keys come from, for messages. */
  readonly origin: string;
}

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 5_000;
const MAX_AGE_MS = 600_000;
const COOLDOWN_MS = 30_000;

/** Throws an Error that says what is wrong with the document. */
export function readJwks(text: string): JSONWebKeySet {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  const { keys } = (document ?? {}) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0) throw new Error('it is no JWKS with at least one key');
  // Throws for what is no key set.
  createLocalJWKSet({ keys });
  return { keys };
}

/** Of a document that may be replaced. */
export function localKeySet(origin: string, current: () => JSONWebKeySet): KeySet {
  const resolvers = new WeakMap<JSONWebKeySet, JWTVerifyGetKey>();
  return {
    origin,
    resolve(header, token) {
      const jwks = current();
      const resolver = resolvers.get(jwks) ?? createLocalJWKSet(jwks);
      resolvers.set(jwks, resolver);
      return resolver(header, token);
    },
  };
}

export interface RemoteKeySetInit {
  readonly url: string;
  /** PEM file of the roots that the server's certificate has to lead to; those of Node without it. */
  readonly caFile?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export function remoteKeySet(init: RemoteKeySetInit): KeySet {
  const { url, clock, log } = init;
  let held: { readonly resolve: JWTVerifyGetKey; readonly at: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;
  let told: string | undefined;

  async function fetchKeys(): Promise<void> {
    triedAt = clock.monotonic();
    try {
      const jwks = readJwks(await download(init));
      held = { resolve: createLocalJWKSet(jwks), at: clock.monotonic() };
      if (told !== undefined) log.info({ url }, 'keys of tokens can be fetched again');
      told = undefined;
    } catch (error) {
      const { message } = error as Error;
      const story = { url, reason: message };
      if (message !== told) log.error(story, 'keys of tokens cannot be fetched; those last fetched still count');
      told = message;
    }
  }

  function refresh(): Promise<void> {
    if (clock.monotonic() - triedAt < COOLDOWN_MS && !pending) return Promise.resolve();
    pending ??= fetchKeys().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  return {
    origin: url,
    async resolve(header, token) {
      if (!held || clock.monotonic() - held.at > MAX_AGE_MS) await refresh();
      if (!held) throw new Error(`${url}: ${told ?? 'not fetched yet'}`);
      try {
        return await held.resolve(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        // It may have been made after we looked.
        await refresh();
        return held.resolve(header, token);
      }
    },
  };
}

async function download({ url, caFile, signal }: RemoteKeySetInit): Promise<string> {
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
  const get = url.startsWith('https:') ? getHttps : getHttp;
  return new Promise((resolve, reject) => {
    const until = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const options = { signal: until, headers: { accept: 'application/json' }, ...(ca !== undefined && { ca }) };
    const fail = (error: Error) =>
      reject(until.aborted && !signal.aborted ? new Error(`no answer within ${TIMEOUT_MS / 1000} s`) : error);
    const request = get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      if (response.statusCode !== 200) {
        request.destroy();
        return reject(new Error(`it answers ${response.statusCode}`));
      }
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > MAX_BYTES) request.destroy(new Error(`it is larger than ${MAX_BYTES} bytes`));
      });
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    request.on('error', fail);
  });
}

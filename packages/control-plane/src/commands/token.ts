/**
 * `token`: signs a token for a workload or a proxy, as Kubernetes would project it. Makes the key when there is none
 * yet.
 */

import type { KeyObject } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { generateKey, issueToken, readPrivateKey, writePrivateKey } from '../ca/index.js';
import { SETTINGS } from '../config.js';
import { parseDuration } from '../schema/index.js';
import { CommandError, printJson, type Streams } from './output.js';
import { loadSettings } from './serve.js';

export interface TokenOptions {
  readonly config?: string;
  readonly keyFile?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod?: string;
  readonly node?: string;
  readonly ttl: string;
  readonly out?: string;
  readonly json?: boolean;
}

export async function token(options: TokenOptions, streams: Streams): Promise<void> {
  const { namespace, serviceAccount, pod, node, ttl, out, json } = options;
  const ttlMs = parseDuration(ttl);
  if (ttlMs === undefined) throw new CommandError(`--ttl: expected a duration such as 1h, found ${ttl}`);
  const { keyFile, issuer, audience } = await tokenSettings(options, streams);
  const key = await readOrMakeKey(keyFile, streams);
  const now = Date.now();
  const text = await issueToken({
    key,
    issuer,
    audience,
    namespace,
    serviceAccount,
    ...(pod === undefined ? {} : { pod }),
    ...(node === undefined ? {} : { node }),
    now,
    ttlMs,
  });
  const expires = new Date(now + ttlMs).toISOString();
  if (out === undefined) {
    if (json) printJson(streams, { token: text, expires });
    else streams.out(text);
    return;
  }
  // Without a newline: ztunnel sends the file's bytes as they are.
  await writeFile(out, text, { mode: 0o600 });
  // The mode above counts for new files only.
  await chmod(out, 0o600);
  if (json) printJson(streams, { out, expires });
  else streams.out(`${out}: ${namespace}/${serviceAccount}, expires ${expires}`);
}

interface TokenSettings {
  readonly keyFile: string;
  readonly issuer: string;
  readonly audience: string;
}

async function tokenSettings(
  { config, keyFile, issuer, audience, json }: TokenOptions,
  streams: Streams,
): Promise<TokenSettings> {
  const configured =
    config === undefined ? undefined : (await loadSettings(config, json ? 'json' : 'text', streams)).tokens;
  const file = keyFile ?? configured?.keyFile;
  if (file === undefined) throw new CommandError('give --config with tokens.keyFile, or --key-file');
  const { issuer: defaultIssuer, audience: defaultAudience } = SETTINGS.tokens.schema.fields ?? {};
  return {
    keyFile: file,
    issuer: issuer ?? configured?.issuer ?? String(defaultIssuer?.fallback?.value),
    audience: audience ?? configured?.audience ?? String(defaultAudience?.fallback?.value),
  };
}

async function readOrMakeKey(file: string, { err }: Streams): Promise<KeyObject> {
  try {
    return await readPrivateKey(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new CommandError((error as Error).message);
  }
  const key = generateKey();
  await writePrivateKey(file, key);
  err(`${file}: new key`);
  return key;
}

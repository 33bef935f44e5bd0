/**
 * `token`: signs a token for a workload or a proxy, as Kubernetes would project it; makes the key when there is none yet,
 * and lets another one take over from it.
 */

import type { KeyObject } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import {
  generateKey,
  issueToken,
  readPrivateKey,
  readTokenKeys,
  withNewKey,
  withoutOldKeys,
  writePrivateKey,
} from '../ca/index.js';
import { SETTINGS } from '../config.js';
import { replaceFile } from '../files/index.js';
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

export async function issueTokenFor(options: TokenOptions, streams: Streams): Promise<void> {
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

export interface TokenKeyOptions {
  readonly config?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

/** The key before goes on to verify what it has signed. */
export async function rotateTokenKey(options: TokenKeyOptions, streams: Streams): Promise<void> {
  const { keyFile } = await tokenSettings(options, streams);
  const text = await readKeyFile(keyFile);
  await replaceFile(keyFile, withNewKey(text, generateKey()));
  await reportKeys(keyFile, options, streams);
}

export interface DropTokenKeysOptions extends TokenKeyOptions {
  readonly longestLife: string;
  readonly force?: boolean;
}

/** Tokens of the keys before have to be over by then. */
export async function dropTokenKeys(options: DropTokenKeysOptions, streams: Streams): Promise<void> {
  const longestLifeMs = parseDuration(options.longestLife);
  if (longestLifeMs === undefined)
    throw new CommandError(`--longest-life: expected a duration such as 24h, found ${options.longestLife}`);
  const { keyFile } = await tokenSettings(options, streams);
  const rest = withoutOldKeys(await readKeyFile(keyFile));
  if (rest === undefined) throw new CommandError(`${keyFile} holds one key only; there is none to drop`);
  const { mtimeMs } = await stat(keyFile);
  const end = mtimeMs + longestLifeMs;
  if (end > Date.now() && !options.force)
    throw new CommandError(
      `the key was replaced at ${new Date(mtimeMs).toISOString()}; tokens of the one before may count until ${new Date(end).toISOString()}; wait, or --force`,
    );
  await replaceFile(keyFile, rest);
  await reportKeys(keyFile, options, streams);
}

async function readKeyFile(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    await readTokenKeys(text);
    return text;
  } catch (error) {
    throw new CommandError(`${file} cannot be used: ${(error as Error).message}`);
  }
}

async function reportKeys(file: string, { json }: TokenKeyOptions, streams: Streams): Promise<void> {
  const { keys } = await readTokenKeys(await readFile(file, 'utf8'));
  const ids = keys.map(({ kid }) => kid);
  if (json) return printJson(streams, { file, signs: ids[0], verify: ids });
  streams.out(`${file}: ${ids[0]} signs, ${ids.length} verify`);
}

interface TokenSettings {
  readonly keyFile: string;
  readonly issuer: string;
  readonly audience: string;
}

async function tokenSettings(
  { config, keyFile, issuer, audience, json }: Partial<TokenOptions>,
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

/** Settings that are a file or the thing itself: roots of trust and tokens, as ztunnel reads them. */
import { existsSync, readFileSync } from 'node:fs';
import { type Kind, Refusal } from './kinds.js';

/** Where the roots that a server is verified against come from. */
export type RootSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'system' };

export type TokenSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'literal'; readonly token: string };

export const rootSource: Kind<RootSource> = {
  name: 'roots',
  allowed: 'the path of a PEM file, the word SYSTEM, or PEM text',
  parse(value) {
    if (value === 'SYSTEM') return { kind: 'system' };
    if (value.includes('-----BEGIN CERTIFICATE-----')) return { kind: 'pem', pem: value };
    if (!existsSync(value)) throw new Refusal('is neither an existing file, nor SYSTEM, nor PEM text');
    return { kind: 'file', path: value };
  },
};

/** A value that looks like a path must exist, so that a typing error does not become a token. */
export const tokenSource: Kind<TokenSource> = {
  name: 'token',
  allowed: 'the path of a file, or the token itself',
  parse(value) {
    if (existsSync(value)) return { kind: 'file', path: value };
    if (/^\.{0,2}\//.test(value)) throw new Refusal('names a file that does not exist');
    return { kind: 'literal', token: value };
  },
};

/** Roots as PEM; undefined means those of the system. Throws what reading the file throws. */
export function readRoots(source: RootSource): string | undefined {
  if (source.kind === 'system') return undefined;
  return source.kind === 'pem' ? source.pem : readFileSync(source.path, 'utf8');
}

/** Read anew for each use, because Kubernetes replaces projected tokens before they expire. */
export function readToken(source: TokenSource): string {
  return source.kind === 'literal' ? source.token : readFileSync(source.path, 'utf8').trim();
}

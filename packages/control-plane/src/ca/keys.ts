/** Private keys in files: written for the owner only, never shown. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import { lstat, readFile, stat, writeFile } from 'node:fs/promises';

/** The key of a PEM file. Rejects with an error that names the file and never quotes its content. */
export async function readPrivateKey(file: string): Promise<KeyObject> {
  const pem = await readFile(file, 'utf8');
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error(`${file} holds no usable private key (PEM, unencrypted)`);
  }
}

/** A new ECDSA P-256 key. */
export function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** Fails when the file exists: a key that signs things must not be lost by a typing error. */
export async function writePrivateKey(file: string, key: KeyObject): Promise<void> {
  const pem = key.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(file, pem, { mode: 0o600, flag: 'wx' });
}

/** Whether others than the owner may read the file; of a mounted Secret, which is a link, others than its group. */
export async function isReadableByOthers(file: string): Promise<boolean> {
  const isMounted = (await lstat(file)).isSymbolicLink();
  return ((await stat(file)).mode & (isMounted ? 0o007 : 0o077)) !== 0;
}

/** The same key for WebCrypto, which @peculiar/x509 signs with. Throws for kinds of keys that no mesh CA uses. */
export async function toSigningKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, algorithmOf(key), false, ['sign']);
}

export interface SigningAlgorithm {
  readonly name: 'ECDSA' | 'RSASSA-PKCS1-v1_5';
  readonly hash: 'SHA-256' | 'SHA-384';
  readonly namedCurve?: string;
}

export function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SigningAlgorithm {
  const curve = asymmetricKeyDetails?.namedCurve;
  if (asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (curve === 'prime256v1') return { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  if (curve === 'secp384r1') return { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
  throw new Error(
    `a key of type ${asymmetricKeyType ?? 'unknown'} ${curve ?? ''} cannot sign here; use RSA, P-256 or P-384`,
  );
}

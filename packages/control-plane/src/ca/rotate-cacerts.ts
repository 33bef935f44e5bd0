/**
 * The steps of a rotation, done to the files of a CA. Each file is replaced in one step; a control plane that reads between
 * two of them finds that they do not belong together and goes on with what it has until they do. What signed before is kept
 * in `retired-<serial number>`, for the way back.
 */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitPem } from '@isthmus/sdk/identity';
import { replaceFile } from '../files/index.js';
import { CACERTS, type CaMaterial, loadCacerts } from './cacerts.js';
import { fingerprintOf, toPem } from './certificates.js';
import { makeIntermediate, makeRoot, ROOT_FILES, readRoot } from './make-cacerts.js';
import {
  brief,
  judgeAdd,
  judgeDrop,
  judgeSwitch,
  type RootRecord,
  type RotationRecord,
  type RotationState,
  type Verdict,
} from './rotation.js';
import * as x509 from './x509.js';

const RECORD_FILE = 'rotation.json';
/** Certificates are no secret: whoever could read them before has to read them afterwards. */
const PUBLIC_MODE = 0o644;
/** In the order in which they are replaced. */
const SIGNING = [CACERTS.key, CACERTS.certificate, CACERTS.chain] as const;

export interface StepOptions {
  /** The files of the CA. */
  readonly ca: string;
  readonly now: number;
  /** Of certificates; see rotation.ts. */
  readonly longestLifeMs: number;
  /** Does what is early all the same. */
  readonly force: boolean;
}

export interface RootFacts extends RootRecord {
  readonly fingerprint: string;
  readonly subject: string;
  readonly notAfter: Date;
  readonly signs: boolean;
}

/** A step that is refused; the message says what to do instead. */
export class RotationError extends Error {
  override readonly name = 'RotationError';
}

/** Adds the root in that directory, which is made when there is none. Resolves with its fingerprint. */
export async function addRoot(init: StepOptions & { readonly root: string; readonly trustDomain: string }) {
  const { ca, root, trustDomain, now } = init;
  const state = await readState(ca, now);
  const pem = (await readRootPem(root)) ?? toPem((await makeRoot(root, trustDomain, now)).certificate);
  const fingerprint = fingerprintOf(pem);
  const { notAfter, subject } = new x509.X509Certificate(pem);
  if (notAfter.getTime() <= now) throw new RotationError(`root ${subject} expired on ${notAfter.toISOString()}`);
  proceed(judgeAdd(state, { root: fingerprint }), init);
  // On record first: a root that is added and not on record would count as trusted for ever.
  await writeRecord(ca, state.record, fingerprint, { addedAt: new Date(now).toISOString() });
  await replaceFile(join(ca, CACERTS.roots), state.material.roots + pem, PUBLIC_MODE);
  return fingerprint;
}

export interface SwitchInit extends StepOptions {
  readonly cluster: string;
  readonly trustDomain: string;
  /** A root with its key, below which a new CA is made. */
  readonly root?: string | undefined;
  /** Files of a CA that somebody else has made, in the same layout. */
  readonly from?: string | undefined;
}

/** Replaces what signs. Resolves with the fingerprint of the root that it leads to now. */
export async function switchCa(init: SwitchInit): Promise<string> {
  const { ca, now } = init;
  const state = await readState(ca, now);
  const next = init.from === undefined ? await makeNext(init) : await readNext(init.from, now);
  if (next.anchor === state.anchor && init.from === undefined)
    throw new RotationError(`the CA leads to root ${brief(state.anchor)} already`);
  proceed(judgeSwitch(state, { ...init, root: next.anchor }), init);
  const retired = join(ca, `retired-${state.material.certificate.serialNumber}`);
  await mkdir(retired, { mode: 0o700, recursive: true });
  for (const name of SIGNING) await copyFile(join(ca, name), join(retired, name));
  for (const name of SIGNING)
    await replaceFile(join(ca, name), next.files[name], name === CACERTS.key ? undefined : PUBLIC_MODE);
  if (next.anchor !== state.anchor)
    await writeRecord(ca, state.record, state.anchor, { leftAt: new Date(now).toISOString() });
  return next.anchor;
}

export async function dropRoot(init: StepOptions & { readonly fingerprint: string }): Promise<string> {
  const { ca, now } = init;
  const state = await readState(ca, now);
  const matching = state.roots.filter((each) => each.startsWith(init.fingerprint.replaceAll(':', '').toLowerCase()));
  const [root = init.fingerprint] = matching;
  if (matching.length > 1) throw new RotationError(`${init.fingerprint} means several roots; give more digits`);
  proceed(judgeDrop(state, { ...init, root }), init);
  const rest = splitPem(state.material.roots).filter((pem) => fingerprintOf(pem) !== root);
  await replaceFile(join(ca, CACERTS.roots), rest.join(''), PUBLIC_MODE);
  await writeRecord(ca, state.record, root, undefined);
  return root;
}

export async function describeRoots(ca: string, now: number): Promise<readonly RootFacts[]> {
  const { material, record, anchor } = await readState(ca, now);
  return splitPem(material.roots).map((pem) => {
    const { subject, notAfter } = new x509.X509Certificate(pem);
    const fingerprint = fingerprintOf(pem);
    return { fingerprint, subject, notAfter, signs: fingerprint === anchor, ...record.roots[fingerprint] };
  });
}

function proceed(verdict: Verdict, { force }: StepOptions): void {
  if (verdict.kind === 'go' || (verdict.kind === 'early' && force)) return;
  const remedy = verdict.kind === 'early' ? '; wait, or --force' : '';
  throw new RotationError(`${verdict.reason}${remedy}`);
}

interface ReadState extends RotationState {
  readonly material: CaMaterial;
}

async function readState(ca: string, now: number): Promise<ReadState> {
  const material = await loadCacerts(ca, now);
  return { material, roots: material.fingerprints, anchor: material.anchor, record: await readRecord(ca) };
}

interface NextCa {
  readonly anchor: string;
  readonly files: Readonly<Record<(typeof SIGNING)[number], string>>;
}

async function makeNext({ root = '', cluster, trustDomain, now }: SwitchInit): Promise<NextCa> {
  const signer = await readRoot(root);
  if (!signer) throw new RotationError(`there is no root in ${root}; "cacerts add-root --root ${root}" makes one`);
  const { certificate, key } = await makeIntermediate({ signer, cluster, trustDomain, now });
  const rootPem = toPem(signer.certificate);
  return {
    anchor: fingerprintOf(rootPem),
    files: {
      [CACERTS.key]: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      [CACERTS.certificate]: toPem(certificate),
      [CACERTS.chain]: toPem(certificate) + rootPem,
    },
  };
}

async function readNext(directory: string, now: number): Promise<NextCa> {
  const { anchor } = await loadCacerts(directory, now);
  const read = (name: string) => readFile(join(directory, name), 'utf8');
  const [key, certificate, chain] = await Promise.all([
    read(CACERTS.key),
    read(CACERTS.certificate),
    read(CACERTS.chain),
  ]);
  return { anchor, files: { [CACERTS.key]: key, [CACERTS.certificate]: certificate, [CACERTS.chain]: chain } };
}

async function readRootPem(directory: string): Promise<string | undefined> {
  const file = join(directory, ROOT_FILES.certificate);
  const [pem, ...more] = splitPem((await readIfThere(file)) ?? '');
  if (more.length > 0) throw new RotationError(`${file} holds several certificates; add them one by one`);
  return pem;
}

async function readRecord(ca: string): Promise<RotationRecord> {
  const file = join(ca, RECORD_FILE);
  const text = await readIfThere(file);
  if (text === undefined) return { roots: {} };
  try {
    const { roots } = JSON.parse(text) as Partial<RotationRecord>;
    return { roots: { ...roots } };
  } catch {
    throw new RotationError(
      `${file} is no JSON; mend it, or remove it: then nothing is on record, and steps need --force`,
    );
  }
}

/** Undefined takes the root off the record. */
async function writeRecord(
  ca: string,
  { roots }: RotationRecord,
  fingerprint: string,
  change: RootRecord | undefined,
): Promise<void> {
  const { [fingerprint]: known, ...others } = roots;
  const next = change ? { ...others, [fingerprint]: { ...known, ...change } } : others;
  await replaceFile(join(ca, RECORD_FILE), `${JSON.stringify({ roots: next }, undefined, 2)}\n`);
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

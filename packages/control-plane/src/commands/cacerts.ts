/** `cacerts`: the CA of one cluster, below a root that further clusters can share, and the rotation of that root. */
import { dirname, join, resolve } from 'node:path';
import { addRoot, describeRoots, dropRoot, makeCacerts, type RootFacts, switchCa } from '../ca/index.js';
import { parseDuration } from '../schema/index.js';
import { columns } from './columns.js';
import { CommandError, printJson, type Streams } from './output.js';
import { loadSettings } from './serve.js';

/** The default of ca.maxWorkloadCertTtl. */
const LONGEST_LIFE_MS = 90 * 86_400_000;

export interface CacertsOptions {
  readonly out: string;
  readonly root?: string;
  readonly cluster: string;
  readonly trustDomain: string;
  readonly json?: boolean;
}

export async function cacerts(
  { out, cluster, trustDomain, json, ...options }: CacertsOptions,
  streams: Streams,
): Promise<void> {
  const root = options.root ?? join(dirname(resolve(out)), 'root');
  const made = await plainly(makeCacerts({ out, root, cluster, trustDomain, now: Date.now() }));
  const notAfter = made.notAfter.toISOString();
  if (json) printJson(streams, { out, root, cluster, trustDomain, rootMade: made.root === 'made', notAfter });
  else
    streams.out(
      `${out}: intermediate CA of ${cluster} (${trustDomain}), valid until ${notAfter}; root ${made.root} in ${root}`,
    );
}

/** Where the CA is: its directory, or a configuration that names it. */
export interface CaOptions {
  readonly ca?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export interface RotateOptions extends CaOptions {
  readonly longestLife?: string;
  readonly force?: boolean;
}

export interface AddRootOptions extends RotateOptions {
  readonly root: string;
  readonly trustDomain: string;
}

export async function addRootTo(options: AddRootOptions, streams: Streams): Promise<void> {
  const step = await stepOf(options, streams);
  const fingerprint = await plainly(addRoot({ ...options, ...step }));
  await report(step.ca, options, streams, `root ${fingerprint} added: proxies come to trust it; then "cacerts switch"`);
}

export interface SwitchOptions extends RotateOptions {
  readonly root?: string;
  readonly from?: string;
  readonly cluster?: string;
  readonly trustDomain: string;
}

export async function switchTo({ root, from, cluster, ...options }: SwitchOptions, streams: Streams): Promise<void> {
  if ((root === undefined) === (from === undefined)) throw new CommandError('give --root or --from, and not both');
  if (root !== undefined && cluster === undefined)
    throw new CommandError('--root needs --cluster, which the CA is for');
  const step = await stepOf(options, streams);
  const fingerprint = await plainly(switchCa({ ...options, ...step, root, from, cluster: cluster ?? '' }));
  await report(step.ca, options, streams, `certificates are signed below root ${fingerprint} from now on`);
}

export interface DropRootOptions extends RotateOptions {
  readonly fingerprint: string;
}

export async function dropRootFrom(options: DropRootOptions, streams: Streams): Promise<void> {
  const step = await stepOf(options, streams);
  const fingerprint = await plainly(dropRoot({ ...options, ...step }));
  await report(step.ca, options, streams, `root ${fingerprint} dropped: nothing below it is trusted any more`);
}

export async function showRoots(options: CaOptions, streams: Streams): Promise<void> {
  const { ca } = await locate(options, streams);
  await report(ca, options, streams);
}

async function stepOf(options: RotateOptions, streams: Streams) {
  const { ca, maxTtlMs } = await locate(options, streams);
  const { longestLife, force = false } = options;
  const longestLifeMs = longestLife === undefined ? maxTtlMs : parseDuration(longestLife);
  if (longestLifeMs === undefined)
    throw new CommandError(`--longest-life: expected a duration such as 24h, found ${longestLife}`);
  return { ca, longestLifeMs, force, now: Date.now() };
}

async function locate({ ca, config, json }: CaOptions, streams: Streams) {
  if ((ca === undefined) === (config === undefined)) throw new CommandError('give --ca or --config, and not both');
  if (ca !== undefined) return { ca, maxTtlMs: LONGEST_LIFE_MS };
  const settings = await loadSettings(config ?? '', json ? 'json' : 'text', streams);
  return { ca: settings.ca.directory, maxTtlMs: settings.ca.maxWorkloadCertTtl };
}

/** What was done, and the roots as they are now. */
async function report(ca: string, { json }: CaOptions, streams: Streams, done?: string): Promise<void> {
  const roots = await plainly(describeRoots(ca, Date.now()));
  if (json) return printJson(streams, { ca, roots });
  if (done !== undefined) streams.out(`${ca}: ${done}`);
  const headings = ['ROOT', 'SUBJECT', 'UNTIL', 'ADDED', 'SIGNS'];
  for (const line of columns(headings, roots.map(rootRow))) streams.out(line);
}

function rootRow({ fingerprint, subject, notAfter, addedAt, signs, leftAt }: RootFacts): readonly string[] {
  const signing = signs ? 'yes' : leftAt === undefined ? 'no' : `until ${leftAt}`;
  return [fingerprint.slice(0, 16), subject, notAfter.toISOString(), addedAt ?? '-', signing];
}

async function plainly<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST')
      throw new CommandError(`${error.path} exists; a key is never overwritten, remove it first`);
    throw new CommandError(error.message);
  });
}

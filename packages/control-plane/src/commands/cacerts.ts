/** `cacerts`: the CA of one cluster, below a root that further clusters can share, and the rotation of that root. */
import { dirname, join, resolve } from 'node:path';
import { addRoot, describeRoots, dropRoot, makeCacerts, type RootFacts, switchCa } from '../ca/index.js';
import { parseDuration } from '../schema/index.js';
import { columns } from './columns.js';
import { CommandError, printJson, type Streams } from './output.js';

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

export interface RotateOptions {
  readonly ca: string;
  readonly longestLife: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export interface AddRootOptions extends RotateOptions {
  readonly root: string;
  readonly trustDomain: string;
}

export async function addRootTo(options: AddRootOptions, streams: Streams): Promise<void> {
  const fingerprint = await plainly(addRoot({ ...options, ...stepOf(options) }));
  await report(options, streams, `root ${fingerprint} added: proxies come to trust it; then "cacerts switch"`);
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
  const fingerprint = await plainly(switchCa({ ...options, ...stepOf(options), root, from, cluster: cluster ?? '' }));
  await report(options, streams, `certificates are signed below root ${fingerprint} from now on`);
}

export interface DropRootOptions extends RotateOptions {
  readonly fingerprint: string;
}

export async function dropRootFrom(options: DropRootOptions, streams: Streams): Promise<void> {
  const fingerprint = await plainly(dropRoot({ ...options, ...stepOf(options) }));
  await report(options, streams, `root ${fingerprint} dropped: nothing below it is trusted any more`);
}

export async function showRoots(options: Pick<RotateOptions, 'ca' | 'json'>, streams: Streams): Promise<void> {
  await report(options, streams);
}

function stepOf({ longestLife, force = false }: RotateOptions) {
  const longestLifeMs = parseDuration(longestLife);
  if (longestLifeMs === undefined)
    throw new CommandError(`--longest-life: expected a duration such as 24h, found ${longestLife}`);
  return { longestLifeMs, force, now: Date.now() };
}

/** What was done, and the roots as they are now. */
async function report(
  { ca, json }: Pick<RotateOptions, 'ca' | 'json'>,
  streams: Streams,
  done?: string,
): Promise<void> {
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

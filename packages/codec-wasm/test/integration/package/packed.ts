/** The package as npm would publish it, unpacked where a user would have it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url));

export interface Packed {
  /** A project that has the package in its node_modules, and nothing else. */
  readonly project: string;
  readonly tarball: Buffer;
  readonly files: readonly string[];
  readonly unpackedSize: number;
  remove(): Promise<void>;
}

export async function pack(): Promise<Packed> {
  const project = await mkdtemp(join(tmpdir(), 'codec-wasm-packed-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: PACKAGE,
    env: { ...process.env, npm_config_loglevel: 'error' },
  });
  const { filename, files, unpackedSize } = onlyOf(JSON.parse(stdout));
  await run('tar', ['-xzf', join(project, filename), '-C', project]);
  await mkdir(join(project, 'node_modules/@isthmus'), { recursive: true });
  await rename(join(project, 'package'), join(project, 'node_modules/@isthmus/codec-wasm'));
  return {
    project,
    tarball: await readFile(join(project, filename)),
    files: files.map(({ path }) => path),
    unpackedSize,
    remove: () => rm(project, { recursive: true }),
  };
}

interface PackReport {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
  readonly unpackedSize: number;
}

/** npm 10 answers a list, npm 12 an object by name. */
function onlyOf(answer: Record<string, PackReport>): PackReport {
  const [report] = Object.values(answer);
  if (report === undefined) throw new Error('npm pack packed nothing');
  return report;
}

// `npm run bench`, `bench:gate`, `bench:native`, `bench:tunnel`, `bench:xds`: builds what is measured (nx knows whether it has to), compiles
// suite and runner, runs.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { resolve } = createRequire(import.meta.url);

if (!process.argv.includes('--help')) process.stderr.write('building ...\n');
const steps = [
  [
    resolve('nx/bin/nx.js'),
    'run-many',
    '-t=bench,build',
    '-p=@isthmus/codec-wasm,@isthmus/sdk,@isthmus/control-plane',
    '--outputStyle=static',
  ],
  [resolve('typescript/bin/tsc'), '-p', 'tools/tsconfig.bench.json'],
];
for (const step of steps) {
  const env = { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' };
  const { status, stdout, stderr, error } = spawnSync(process.execPath, step, { cwd: root, encoding: 'utf8', env });
  if (status === 0) continue;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ?? ''}\nthe build failed; nothing was measured\n`);
  process.exit(1);
}

await import('./bench/dist/main.js');

// `npm run mesh`: builds what is not built (nx knows) and runs the lab in this process. Standard output stays the lab's own.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const nx = createRequire(import.meta.url).resolve('nx/bin/nx.js');

if (!process.argv.includes('--help')) process.stderr.write('building what is not built ...\n');
const build = spawnSync(
  process.execPath,
  [nx, 'run-many', '--targets=build', '--projects=tag:mesh', '--outputStyle=static'],
  { cwd: root, encoding: 'utf8', env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' } },
);
if (build.status !== 0) {
  process.stderr.write(
    `${build.stdout ?? ''}${build.stderr ?? ''}${build.error ?? ''}\nthe build failed; nothing was started\n`,
  );
  process.exit(1);
}

await import('./dist/lab/main.js');

// `npm run soak -w e2e`: builds what is not built (nx knows), compiles the soak and runs it in this process.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { resolve } = createRequire(import.meta.url);

function run(program, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
  });
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}\nthe build failed; nothing was started\n`);
  process.exit(1);
}

process.stderr.write('building what is not built ...\n');
run(resolve('nx/bin/nx.js'), 'run-many', '--targets=build', '--projects=tag:mesh', '--outputStyle=static');
run(resolve('typescript/bin/tsc'), '-p', 'e2e/soak/tsconfig.json');

await import('./dist/soak/main.js');

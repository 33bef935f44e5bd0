// `npm run bench:binary`: how long the executable takes to be ready to read its settings, beside the script on the same
// Node and on this one. Interleaved, so that a busy machine slows all of them; medians. Says, and judges nothing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { obtainNode } from './node.mjs';
import { NAME, NODE } from './pins.mjs';

const ROUNDS = 25;
const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = join(root, 'dist', NAME);
const script = join(root, 'packages/proxy/dist/main.js');
for (const [path, command] of [
  [binary, 'build:binary'],
  [script, 'build'],
]) {
  if (existsSync(path)) continue;
  process.stderr.write(`${path} is not there; run npm run ${command} first\n`);
  process.exit(1);
}
const subjects = [
  ['executable', [binary, '--version']],
  [`script, Node ${NODE.version}`, [obtainNode(root), script, '--version']],
  [`script, Node ${process.versions.node}`, [process.execPath, script, '--version']],
  [`node -e 0, Node ${NODE.version}`, [obtainNode(root), '-e', '0']],
].map(([name, command]) => ({ name, command, times: [] }));

for (let round = 0; round < ROUNDS; round += 1) {
  for (const { command, times } of subjects) {
    const [program, ...args] = command;
    const begun = performance.now();
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    times.push(performance.now() - begun);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  }
}
const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
const first = median(subjects[0].times);
process.stdout.write(`time to print the version, median of ${ROUNDS}, interleaved\n`);
for (const { name, times } of subjects) {
  const time = median(times);
  process.stdout.write(`${name.padEnd(28)}${time.toFixed(0).padStart(6)} ms${(time / first).toFixed(2).padStart(8)}\n`);
}

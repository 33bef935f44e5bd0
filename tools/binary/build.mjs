// `npm run build:binary`: dist/isthmus-proxy-linux-x64, its SBOM and the checksums of both. See docs/binary.md.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProxy } from './bundle.mjs';
import { obtainNode } from './node.mjs';
import { NAME, NODE } from './pins.mjs';
import { describeContents } from './sbom.mjs';
import { seal } from './seal.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'dist');
const step = (text) => process.stderr.write(`${text}\n`);

if (process.platform !== 'linux' || process.arch !== 'x64') {
  step(
    `the executable is for Linux on x64, and sealing it takes running Node there; this is ${process.platform} ${process.arch}`,
  );
  process.exit(1);
}
step('wasm ...');
const nx = createRequire(import.meta.url).resolve('nx/bin/nx.js');
const wasm = spawnSync(process.execPath, [nx, 'build', '@isthmus/codec-wasm', '--outputStyle=static'], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false' },
});
if (wasm.status !== 0) {
  step(`${wasm.stdout ?? ''}${wasm.stderr ?? ''}${wasm.error ?? ''}\nthe wasm cannot be built; nothing was made`);
  process.exit(1);
}
mkdirSync(dist, { recursive: true });
step(`node ${NODE.version} (${NODE.lts}) ...`);
const node = obtainNode(root);
step('bundle ...');
const { version, text, inputs } = await bundleProxy(root);
step(`${(text.length / 2 ** 20).toFixed(1)} MiB of ${inputs.length} files; sealing ...`);
const files = { [NAME]: join(dist, NAME), [`${NAME}.cdx.json`]: join(dist, `${NAME}.cdx.json`) };
for (const path of Object.values(files)) rmSync(path, { force: true });
await seal({ node, text, output: files[NAME] });
const contents = describeContents({ root, version, inputs, node });
writeFileSync(files[`${NAME}.cdx.json`], `${JSON.stringify(contents, null, 2)}\n`);
const sums = Object.entries(files).map(
  ([name, path]) => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${name}\n`,
);
writeFileSync(join(dist, 'SHA256SUMS'), sums.join(''));
step(
  `dist/${NAME}: ${(statSync(files[NAME]).size / 2 ** 20).toFixed(0)} MiB, ${contents.components.length} components`,
);

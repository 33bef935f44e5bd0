/**
 * Builds the codec's wasm: run in packages/codec-wasm. Compiles each build twice, scalar and with SIMD: the release into
 * src/wasm.gen.ts, the debug build, which keeps its asserts, into build/wasm.debug.gen.ts. Fails when the two modules of
 * the release together are over SIZE_CAP.
 *
 * What is compiled is stamped into the files, so that a second run with the same sources returns at once.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

/** Bytes of both release modules together. Stated in packages/codec-wasm/README.md; raising it is a decision, not an accident. */
const SIZE_CAP = 32_000;

const targets = [
  { name: 'release', scalar: 'release', simd: 'simd', out: 'src/wasm.gen.ts', cap: SIZE_CAP },
  {
    name: 'debug',
    scalar: 'debug',
    simd: 'debugSimd',
    out: 'build/wasm.debug.gen.ts',
    cap: Number.POSITIVE_INFINITY,
  },
];

const stamp = await stampOf();
for (const target of targets) {
  const size = (await isCurrent(target.out)) ? undefined : await build(target);
  console.log(`wasm ${target.name}: ${target.out} ${size === undefined ? 'is current' : `${size} bytes`}`);
}

/** Hash of everything the result depends on: sources, options, compiler version and this file. */
async function stampOf() {
  const hash = createHash('sha256');
  const sources = (await readdir('assembly', { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
  const files = [...sources.map((name) => join('assembly', name)), 'asconfig.json', import.meta.filename];
  for (const file of files) hash.update(await readFile(file));
  hash.update(createRequire(import.meta.url)('assemblyscript/package.json').version);
  return hash.digest('hex');
}

async function isCurrent(path) {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.includes(stamp);
}

/** Answers the sizes of both modules. */
async function build({ name, scalar, simd, out, cap }) {
  await mkdir('build', { recursive: true });
  const directory = await mkdtemp(join('build', `${name}-`));
  try {
    const modules = [await compile(scalar, directory), await compile(simd, directory)];
    const size = modules[0].length + modules[1].length;
    if (size > cap) throw new Error(`${name} wasm is ${size} bytes, over the cap of ${cap}`);
    // Written beside and renamed: a test that starts meanwhile reads the old module or the new one, never half of one.
    const written = join(directory, 'gen.ts');
    await writeFile(written, moduleText(...modules));
    await rename(written, out);
    return `${modules[0].length} + ${modules[1].length}`;
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function compile(target, directory) {
  const file = join(directory, `${target}.wasm`);
  const { error, stderr } = await asc.main(['--target', target, '--outFile', file]);
  if (error) throw new Error(`asc failed on target ${target}:\n${stderr.toString()}`);
  return readFile(file);
}

function moduleText(scalar, simd) {
  return `// Built by tools/wasm/build.mjs from assembly/, do not edit. Sources: ${stamp}
export const SCALAR_BASE64 =
  '${scalar.toString('base64')}';
export const SIMD_BASE64 =
  '${simd.toString('base64')}';
`;
}

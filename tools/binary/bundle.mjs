/**
 * The proxy and everything it imports as one CommonJS file, from the sources; the wasm is inside already, as text. Left
 * out is koffi, which is optional and native: the executable finds original destinations by conntrack.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Resolves with the text, and with the paths below `root` of every file that is in it. */
export async function bundleProxy(root) {
  const { version } = JSON.parse(readFileSync(join(root, 'packages/proxy/package.json'), 'utf8'));
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['packages/proxy/src/main.ts'],
    outfile: 'isthmus-proxy.cjs',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    conditions: ['@isthmus/source'],
    external: ['koffi'],
    // Names in stack traces are worth more than a megabyte beside Node's 120.
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    define: { ISTHMUS_VERSION: JSON.stringify(version), 'import.meta.url': '""' },
    logLevel: 'error',
  });
  const [output] = outputFiles;
  return { version, text: output.text, inputs: Object.keys(metafile.inputs) };
}

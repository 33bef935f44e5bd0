/** The guest as one script by each bundler, out of what is published: the package's dist, by its exports map. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';

const ENTRY = fileURLToPath(new URL('entry.ts', import.meta.url));

export interface Bundle {
  readonly code: string;
  /** Absolute paths of the files that went into it. */
  readonly inputs: readonly string[];
}

export async function bundleByEsbuild(): Promise<Bundle> {
  const { outputFiles, metafile } = await esbuild({
    entryPoints: [ENTRY],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return { code: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs).map((path) => resolve(path)) };
}

export async function bundleByVite(): Promise<Bundle> {
  const inputs: string[] = [];
  const built = await vite({
    configFile: false,
    root: dirname(ENTRY),
    logLevel: 'silent',
    plugins: [{ name: 'inputs', moduleParsed: ({ id }) => void inputs.push(id) }],
    build: { write: false, target: 'es2022', lib: { entry: ENTRY, formats: ['iife'], name: 'guest' } },
  });
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []));
  const chunk = outputs.find((output) => output.type === 'chunk');
  return { code: chunk?.code ?? '', inputs };
}

/** What npm would publish: which files, how large, typed for whom, and that every line of Node runs it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleByEsbuild } from '../bundlers/bundle.js';
import { report } from '../bundlers/guest.js';
import { type Packed, pack } from './packed.js';

const run = promisify(execFile);
const { resolve } = createRequire(import.meta.url);

/** Bytes, with the caps that docs/performance.md states. */
const MAX_MINIFIED = 80_000;
const MAX_GZIPPED = 30_000;
const MAX_UNPACKED = 400_000;

/** Other lines of Node to run it by, besides the one that runs the tests: paths joined by ":". */
const NODE_BINARIES = (process.env.NODE_BINARIES ?? '').split(':').filter((path) => path !== '');

let packed: Packed;
beforeAll(async () => {
  packed = await pack();
});
afterAll(() => packed.remove());

describe('the tarball', () => {
  test('has the build, the README and the licence, and no sources, tests or benchmarks', () => {
    const stray = packed.files.filter(
      (path) => !/^(dist\/.*\.(js|d\.ts)(\.map)?|README\.md|LICENSE|package\.json)$/.test(path),
    );

    expect(packed.files).toContain('dist/index.js');
    expect(packed.files).toContain('dist/index.d.ts');
    expect(stray).toEqual([]);
  });

  test('has nothing that publint would object to', async () => {
    const { messages, pkg } = await publint({ pack: { tarball: toArrayBuffer(packed.tarball) }, level: 'warning' });

    // Sources are resolved by a condition of our own, which only this workspace asks for; they are not published.
    const others = messages.filter(({ path }) => !path.includes('@isthmus/source'));
    expect(others.map((message) => formatMessage(message, pkg as Record<string, unknown>))).toEqual([]);
  });

  test('is within its size', async ({ annotate }) => {
    const { code } = await bundleByEsbuild();
    const gzipped = gzipSync(code).length;

    await annotate(`minified ${code.length}, gzipped ${gzipped}, unpacked ${packed.unpackedSize} bytes`);
    expect(code.length).toBeLessThan(MAX_MINIFIED);
    expect(gzipped).toBeLessThan(MAX_GZIPPED);
    expect(packed.unpackedSize).toBeLessThan(MAX_UNPACKED);
  });
});

describe('a user of the tarball', () => {
  test.each(['node16', 'bundler'])('has its types by moduleResolution %s', { timeout: 60_000 }, async (resolution) => {
    await writeFile(join(packed.project, 'user.mts'), TYPED_USER);
    const module = resolution === 'bundler' ? 'esnext' : 'node16';
    const options = ['--strict', '--noEmit', '--lib', 'es2022', '--module', module];

    const args = [resolve('typescript/bin/tsc'), ...options, '--moduleResolution', resolution, 'user.mts'];
    const result = await run(process.execPath, args, { cwd: packed.project }).catch(
      (error: { stdout: string }) => error,
    );

    expect(result.stdout).toBe('');
  });

  test('gets the same answers by the Node under test', async () => {
    expect(await answerBy(process.execPath)).toBe(report());
  });

  test.for(NODE_BINARIES.length > 0 ? NODE_BINARIES : [undefined])(
    'gets the same answers by another line: %s',
    async (binary, { skip, annotate }) => {
      if (binary === undefined) return skip('NODE_BINARIES names no other Node');
      const { stdout: version } = await run(binary, ['--version']);
      await annotate(version.trim());

      expect(await answerBy(binary)).toBe(report());
    },
  );
});

/** Every value and type of it is used as documented; what is not there or not typed fails. */
const TYPED_USER = `
import {
  CodecError, createCodec, type Codec, type CodecErrorCode, type ConnectionDecoder, type FrameHandler, TargetKind,
} from '@isthmus/codec-wasm';
const codec: Codec = createCodec({ headerNames: [':status'], baggageKeys: ['service.name'] });
const decoder: ConnectionDecoder = codec.openDecoder({ role: 'client', maxFrameSize: 16384, maxHeaderListSize: 65536 });
declare const handler: FrameHandler;
decoder.read(new Uint8Array(0), handler);
const kind: number = TargetKind.Ipv4;
const code: CodecErrorCode = new CodecError('BAD_PREFACE').code;
// @ts-expect-error: an option that is not there
createCodec({ headerNames: [], baggageKeys: [], slot: kind });
export { code };
`;

async function answerBy(binary: string): Promise<string> {
  const entry = join(packed.project, 'guest.mjs');
  const source = new URL('../bundlers/guest.ts', import.meta.url).pathname;
  // Types are taken off and nothing else: the import stays, so that this Node resolves the package by its exports map.
  await esbuild({
    entryPoints: [source],
    bundle: true,
    packages: 'external',
    format: 'esm',
    outfile: entry,
    logLevel: 'silent',
  });
  const script = `import { report } from ${JSON.stringify(entry)}; process.stdout.write(report());`;
  const { stdout } = await run(binary, ['--input-type=module', '--eval', script], { cwd: packed.project });
  return stdout;
}

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

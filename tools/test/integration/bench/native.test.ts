/** The native program on bytes of its own tongue: compiled where it can be, and skipped by its reason where not. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, corpusFile } from '../../../bench/native.js';

const SOURCE = new URL('../../../bench/native/nghttp2.c', import.meta.url);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-native-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('without a compiler', () => {
  test('it says what is missing instead of failing', () => {
    expect(compile(join(directory, 'none'), SOURCE, 'no-such-compiler')).toMatch(
      /^no C compiler \(no-such-compiler\); on Debian/,
    );
  });
});

describe('with libnghttp2', () => {
  test('reads the bytes of a header block, again and again', async ({ skip }) => {
    const program = join(directory, 'nghttp2-bench');
    const missing = compile(program, SOURCE);
    if (missing !== undefined) skip(missing);
    const corpus = join(directory, 'corpus.bin');
    // ":method: GET" and ":path: /" from the static table: 7 + 3 and 5 + 1 bytes.
    await writeFile(corpus, corpusFile([Uint8Array.of(0x82)], [Uint8Array.of(0x82, 0x84), Uint8Array.of(0x82)]));

    const { stdout, status } = spawnSync(program, ['inflate', corpus], { input: '1\n1\n', encoding: 'utf8' });

    expect(status).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d 26\n\d+\.\d 26\n$/);
  });
});

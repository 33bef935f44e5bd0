import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// The whole suite runs twice: on the wasm that ships, and on the build that keeps its asserts.
const debug = {
  find: /^.*\/wasm\.gen\.js$/,
  replacement: fileURLToPath(new URL('build/wasm.debug.gen.ts', import.meta.url)),
};

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      projects: [
        { extends: true, test: { name: 'release' } },
        { extends: true, resolve: { alias: [debug] }, test: { name: 'debug' } },
      ],
    },
  }),
);

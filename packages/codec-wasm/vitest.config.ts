import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// The whole suite runs on every build: with SIMD and without, each as it ships and with its asserts kept.
const debug = {
  find: /^.*\/wasm\.gen\.js$/,
  replacement: fileURLToPath(new URL('build/wasm.debug.gen.ts', import.meta.url)),
};
const scalar = {
  find: /^.*\/simd\.js$/,
  replacement: fileURLToPath(new URL('test/support/no-simd.ts', import.meta.url)),
};

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      projects: [
        { extends: true, test: { name: 'simd' } },
        { extends: true, resolve: { alias: [scalar] }, test: { name: 'scalar' } },
        { extends: true, resolve: { alias: [debug] }, test: { name: 'simd-debug' } },
        { extends: true, resolve: { alias: [debug, scalar] }, test: { name: 'scalar-debug' } },
      ],
    },
  }),
);

import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
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

// What is about the published package does not depend on the build of the sources: once is enough.
const suite = { exclude: [...configDefaults.exclude, 'test/integration/{bundlers,package}/**'] };
const published = { exclude: [...configDefaults.exclude, 'test/!(integration)/**', 'test/integration/*.test.ts'] };

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      projects: [
        { extends: true, test: { ...suite, name: 'simd' } },
        { extends: true, resolve: { alias: [scalar] }, test: { ...suite, name: 'scalar' } },
        { extends: true, resolve: { alias: [debug] }, test: { ...suite, name: 'simd-debug' } },
        { extends: true, resolve: { alias: [debug, scalar] }, test: { ...suite, name: 'scalar-debug' } },
        { extends: true, test: { ...published, name: 'published' } },
      ],
    },
  }),
);

import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.ts';

/** Whole meshes of some fifteen processes each: one file at a time, and time for slow machines to start them. */
export default mergeConfig(
  shared,
  defineConfig({ test: { fileParallelism: false, testTimeout: 60_000, hookTimeout: 90_000 } }),
);

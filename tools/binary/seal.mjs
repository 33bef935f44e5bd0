/**
 * A copy of Node with the bundle and its code cache sealed in. The cache is what makes it start faster than the script;
 * V8 accepts it only from the very same build with the same flags, so Node itself makes it. A fixed random seed keeps
 * the cache, and with it the file, the same from build to build; V8 does not count the seed among those flags.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'postject';
import { FUSE } from './pins.mjs';

export async function seal({ node, text, output }) {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-binary-'));
  try {
    // Relative names: the path of the script is part of what is sealed in.
    const settings = {
      main: 'isthmus-proxy.cjs',
      output: 'blob',
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
    };
    writeFileSync(join(folder, 'isthmus-proxy.cjs'), text);
    writeFileSync(join(folder, 'sea.json'), JSON.stringify(settings));
    execFileSync(node, ['--random-seed=1', '--experimental-sea-config', 'sea.json'], { cwd: folder, stdio: 'pipe' });
    copyFileSync(node, output);
    chmodSync(output, 0o755);
    await quietly(() => inject(output, 'NODE_SEA_BLOB', readFileSync(join(folder, 'blob')), { sentinelFuse: FUSE }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** postject's ELF parser warns of every note section of Node; what goes wrong it throws. */
async function quietly(task) {
  const { warn, error } = console;
  console.warn = console.error = () => {};
  try {
    await task();
  } finally {
    Object.assign(console, { warn, error });
  }
}

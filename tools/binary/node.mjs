/** The pinned Node: fetched once by `npm ci`, which checks its hash, then kept in node_modules/.cache. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE } from './pins.mjs';

/** Resolves with the path of the executable. */
export function obtainNode(root) {
  const folder = join(root, 'node_modules/.cache/isthmus-binary', `${NODE.package}-${NODE.version}`);
  const node = join(folder, 'node_modules', NODE.package, 'bin/node');
  if (!existsSync(node)) fetchInto(folder);
  const [version, lts] = execFileSync(node, ['-p', 'process.version + " " + process.release.lts'], { encoding: 'utf8' })
    .trim()
    .split(' ');
  if (version !== `v${NODE.version}` || lts !== NODE.lts) {
    throw new Error(`${node} says it is ${version} (${lts}), not v${NODE.version} (${NODE.lts}); remove ${folder}`);
  }
  return node;
}

/** A lock file with the hash and no address: npm asks its own registry and compares. */
function fetchInto(folder) {
  const dependencies = { [NODE.package]: NODE.version };
  const lock = {
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { dependencies },
      [`node_modules/${NODE.package}`]: { version: NODE.version, integrity: NODE.integrity },
    },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm cannot fetch ${NODE.package}@${NODE.version}:\n${stderr}`);
}

/** What this machine must have for network namespaces, and for a lab in them; everything that is missing is named at once. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { removeNamespace } from './namespaces.js';

/** Empty when namespaces can be made. */
export function missingForNamespaces(): readonly string[] {
  if (process.platform !== 'linux') return ['Linux'];
  if (process.getuid?.() !== 0) return ['root, for network namespaces'];
  return canMakeNamespaces() ? [] : ['a working "ip netns" (iproute2 and the right to make network namespaces)'];
}

/** Empty when a lab can stand in them. `proxy` is where isthmus-proxy looks for its packages from. */
export function missingForLab(proxy: string): readonly string[] {
  const missing = [...missingForNamespaces()];
  for (const [program, argument] of [
    ['nft', '--version'],
    ['curl', '--version'],
  ] as const) {
    if (spawnSync(program, [argument]).status !== 0) missing.push(program);
  }
  if (!canFind(proxy, 'koffi') && !existsSync('/proc/net/nf_conntrack')) {
    missing.push('the npm package koffi, or a kernel that shows /proc/net/nf_conntrack');
  }
  return missing;
}

function canMakeNamespaces(): boolean {
  const name = `isthmus-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return false;
  removeNamespace(name);
  return true;
}

function canFind(from: string, name: string): boolean {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
}

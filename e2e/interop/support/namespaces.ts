/**
 * Two network namespaces with a cable between them. They have names of their own, nothing leads out of them, and nothing
 * outside them is changed.
 */
import { execFileSync } from 'node:child_process';
import { OURS, PREFIX_LENGTH, REAL_IP, type Side } from './world.js';

export interface Namespaces {
  nameOf(side: Side): string;
  /** Idempotent; whatever is inside has to be ended before. */
  remove(): void;
}

export function createNamespaces(): Namespaces {
  const unique = process.pid;
  const names: Readonly<Record<Side, string>> = { real: `isthmus-${unique}-real`, ours: `isthmus-${unique}-ours` };
  const made: string[] = [];
  const remove = () => {
    for (const name of made.splice(0)) ip('netns', 'delete', name);
  };
  try {
    for (const name of Object.values(names)) {
      ip('netns', 'add', name);
      made.push(name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    // Made inside the namespaces from the start, so that not even for a moment it is among the machine's own interfaces.
    ip('link', 'add', 'mesh0', 'netns', names.real, 'type', 'veth', 'peer', 'name', 'mesh0', 'netns', names.ours);
    for (const address of [REAL_IP]) plug(names.real, address);
    for (const address of Object.values(OURS)) plug(names.ours, address);
    for (const name of Object.values(names)) ip('-n', name, 'link', 'set', 'mesh0', 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return { nameOf: (side) => names[side], remove };
}

function plug(namespace: string, address: string): void {
  ip('-n', namespace, 'address', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', 'mesh0');
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/**
 * Network namespaces with names of their own: nothing leads out of them, and nothing outside them is changed but the
 * directory `ip netns` keeps for each. Linux, root, iproute2.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

/** What `ip netns exec` shows a program in place of the files of /etc. */
export const OVERLAY_DIRECTORY = '/etc/netns';

export interface Namespaces {
  /** Commands of `ip`, a line each, in the namespace. Throws with what failed. */
  configure(name: string, lines: readonly string[]): void;
  /** Runs a program in the namespace to its end; throws with what it complained of. */
  run(name: string, command: readonly [program: string, ...args: string[]], input?: string): void;
  /** The file of /etc as programs in the namespace see it. */
  overlay(name: string, file: string, text: string): void;
  /** Idempotent; whatever runs inside has to be ended before. */
  remove(): void;
}

/** @param onAdded told of each namespace as soon as it is there, for whoever removes it if this process cannot */
export function createNamespaces(names: readonly string[], onAdded: (name: string) => void = () => {}): Namespaces {
  const made: string[] = [];
  const namespaces: Namespaces = {
    configure: (name, lines) => void ip(['-n', name, '-batch', '-'], lines.join('\n')),
    run: (name, command, input) => void ip(['netns', 'exec', name, ...command], input),
    overlay(name, file, text) {
      mkdirSync(`${OVERLAY_DIRECTORY}/${name}`, { recursive: true });
      writeFileSync(`${OVERLAY_DIRECTORY}/${name}/${file}`, text);
    },
    remove() {
      for (const name of made.splice(0)) removeNamespace(name);
    },
  };
  try {
    for (const name of names) {
      ip(['netns', 'add', name]);
      made.push(name);
      onAdded(name);
    }
    for (const name of names) namespaces.configure(name, ['link set lo up']);
    return namespaces;
  } catch (error) {
    namespaces.remove();
    throw error;
  }
}

/** Also of a namespace that is not there. */
export function removeNamespace(name: string): void {
  spawnSync('ip', ['netns', 'delete', name]);
  rmSync(`${OVERLAY_DIRECTORY}/${name}`, { recursive: true, force: true });
}

function ip(args: readonly string[], input = ''): void {
  try {
    execFileSync('ip', args, { input, stdio: ['pipe', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr } = error as { readonly stderr?: Buffer };
    throw new Error(`ip ${args.join(' ')}: ${stderr?.toString().trim() || (error as Error).message}`, { cause: error });
  }
}

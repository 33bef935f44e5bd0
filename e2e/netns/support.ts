/** What the tests in network namespaces do to a pod: run programs in it, lead its traffic, put another ztunnel in it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findPrograms, type Lab, podOf } from '@isthmus/tools/lab';
import { logLines } from '../support/access-log.js';
import { START_TIMEOUT_MS, until } from '../support/wait.js';

export type Format = 'nft' | 'iptables';
export type Mode = 'redirect' | 'tproxy';
const FORMATS: readonly Format[] = ['nft', 'iptables'];

export const INSTALLED: readonly Format[] = FORMATS.filter((name) => spawnSync(name, ['--version']).status === 0);

const printed = new Map<string, string>();

/** What `isthmus-proxy rules` prints; asked once, since it is the same every time. */
export function printedRules(...options: readonly string[]): string {
  const key = options.join(' ');
  const text =
    printed.get(key) ??
    execFileSync(process.execPath, [findPrograms().proxy, 'rules', ...options], { encoding: 'utf8' });
  printed.set(key, text);
  return text;
}

export function inNamespace(namespace: string, command: readonly string[], input = ''): string {
  return execFileSync('ip', ['netns', 'exec', namespace, ...command], { input, encoding: 'utf8', stdio: 'pipe' });
}

export interface PodZtunnel {
  /** Messages of its log since it was last started. */
  lines(): ReturnType<typeof logLines>;
  /** Resolves when it is gone, and with it the connections it carried. */
  stop(): Promise<void>;
  /** @param launcher a script that starts the program it is given */
  start(env: Readonly<Record<string, string>>, launcher?: string): Promise<void>;
}

/** The ztunnel in the pod of east's storefront. */
export function storefrontZtunnel(lab: Lab): PodZtunnel {
  const name = 'east/ztunnel-storefront';
  const { spec } = lab.processes.get(name);
  let before = 0;
  return {
    lines: () => logLines(lab, name).slice(before),
    stop: () => lab.processes.stop([name]),
    async start(env, launcher) {
      before = logLines(lab, name).length;
      const launched = launcher === undefined ? {} : { program: launcher, args: [spec.program, ...spec.args] };
      const running = lab.processes.start({ ...spec, ...launched, env: { ...spec.env, ...env } });
      const { host, port } = await lab.reach(lab.world.clusters.east)({
        host: podOf(lab.world, 'east', 'storefront').ip,
        port: 15021,
      });
      const isReady = async () => {
        if (running.exit() !== undefined) return running.exit();
        const page = await fetch(`http://${host}:${port}/healthz/ready`);
        if (!page.ok) throw new Error(await page.text());
        return '';
      };
      const ended = await until(`${name} to be ready`, isReady, START_TIMEOUT_MS);
      if (ended) throw new Error(`${name} ended with ${ended}; its log:\n${lab.log(name).slice(-2_000)}`);
    },
  };
}

/** Lets a process believe that koffi is not installed: what then happens is what happens where it is not. */
export function withoutKoffi(): Readonly<Record<string, string>> {
  const hook = `export async function resolve(name, context, next) {
    if (name === 'koffi') throw new Error('not installed');
    return next(name, context);
  }`;
  const inline = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  const register = inline(`import { register } from 'node:module'; register(${JSON.stringify(inline(hook))});`);
  return { NODE_OPTIONS: `--import=${register}` };
}

/** A launcher that hands transparent listeners over. */
export const HAND_OVER = fileURLToPath(new URL('hand-over.mjs', import.meta.url));

/**
 * A server that speaks first, as many mail and database servers do; ends with what it heard. Resolves when it listens, with
 * what ends it and resolves when its port is free.
 */
export async function serveGreeting(namespace: string, port: number, greeting: string): Promise<() => Promise<void>> {
  const code = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.write(${JSON.stringify(greeting)});
    socket.pipe(socket);
  }).listen(${port}, () => console.log('listening'));`;
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const listening = await Promise.race([once(child.stdout, 'data').then(() => true), exited.then(() => false)]);
  if (!listening) throw new Error(`the server that speaks first on port ${port} ended at once`);
  return async () => {
    child.kill();
    await exited;
  };
}

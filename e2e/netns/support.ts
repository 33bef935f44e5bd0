/** What the tests in network namespaces do to a pod: run programs in it, lead its traffic, put another ztunnel in it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findPrograms, type Lab, podOf } from '@isthmus/tools/lab';
import { logLines } from '../support/access-log.js';
import { until } from '../support/wait.js';

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
  /** @param launcher a script that starts the program it is given */
  restart(env: Readonly<Record<string, string>>, launcher?: string): Promise<void>;
}

/** The ztunnel in the pod of east's storefront. */
export function storefrontZtunnel(lab: Lab): PodZtunnel {
  const name = 'east/ztunnel-storefront';
  const { spec } = lab.processes.get(name);
  let before = 0;
  return {
    lines: () => logLines(lab, name).slice(before),
    async restart(env, launcher) {
      await lab.processes.stop([name]);
      before = logLines(lab, name).length;
      const launched = launcher === undefined ? {} : { program: launcher, args: [spec.program, ...spec.args] };
      lab.processes.start({ ...spec, ...launched, env: { ...spec.env, ...env } });
      const { host, port } = await lab.reach(lab.world.clusters.east)({
        host: podOf(lab.world, 'east', 'storefront').ip,
        port: 15021,
      });
      await until(`${name} to be ready`, async () => {
        return (await fetch(`http://${host}:${port}/healthz/ready`)).ok || undefined;
      });
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

/** A server that speaks first, as many mail and database servers do; ends with what it heard. Resolves when it listens. */
export async function serveGreeting(namespace: string, port: number, greeting: string): Promise<() => void> {
  const code = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.write(${JSON.stringify(greeting)});
    socket.pipe(socket);
  }).listen(${port}, () => console.log('listening'));`;
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return () => child.kill();
}

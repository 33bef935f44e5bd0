/**
 * Calls from inside a lab's pods, by programs that know of no mesh: curl, and a client of lines. They name services as
 * every application does, and what leaves the pod is captured.
 */
import { execFile } from 'node:child_process';
import type { Ground } from '../ground.js';
import type { Programs } from '../programs.js';
import { podOf } from '../topology.js';
import { type Call, type Callers, serviceAddress } from '../traffic.js';

const TIMEOUT_MS = 15_000;

export interface PlainClients {
  /**
   * Resolves with the page; rejects with curl's complaint, or with the status and the page where that is an error.
   * @param wrapper what runs curl, `setpriv` and its options for instance
   */
  curl(namespace: string, url: string, wrapper?: readonly string[]): Promise<string>;
  /** Sends the text, ends, resolves with what came back. */
  lines(namespace: string, address: { readonly host: string; readonly port: number }, text: string): Promise<string>;
}

export function plainClients({ lineClient }: Programs): PlainClients {
  return {
    async curl(namespace, url, wrapper = []) {
      // Without globbing, for which the brackets of an IPv6 address are.
      const options = ['-sS', '-g', '-w', '\\n%{http_code}', '--max-time', String(TIMEOUT_MS / 1_000)];
      const printed = await run(namespace, [...wrapper, 'curl', ...options, url]);
      const end = printed.lastIndexOf('\n');
      const [page, status] = [printed.slice(0, end), Number(printed.slice(end + 1))];
      if (status >= 400) throw new Error(`${url}: status ${status}: ${page.trim()}`);
      return page;
    },
    lines: (namespace, { host, port }, text) =>
      run(namespace, [process.execPath, lineClient, host, String(port)], text),
  };
}

function run(namespace: string, command: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS + 1_000 };
    const child = execFile('ip', ['netns', 'exec', namespace, ...command], options, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || error.message));
      else resolve(stdout);
    });
    // One that ended before it read its input says why on its standard error.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

export function netnsCallers({ world, namespaceOf }: Ground, programs: Programs): Callers {
  const { curl, lines } = plainClients(programs);
  const { east, west } = world.clusters;
  const from = namespaceOf(east, podOf(world, 'east', 'storefront')) ?? '';
  const at = (service: string) => serviceAddress(service);
  const call = (what: string, run: () => Promise<boolean>): Call => ({
    what: `${what} from east's storefront, captured`,
    async run() {
      if (!(await run())) throw new Error('another answer than expected');
    },
  });
  const page = (service: string, path: string) => async () =>
    (await curl(from, `http://${at(service).host}:${at(service).port}${path}`)).startsWith('{');
  const ledger = podOf(world, 'west', 'ledger');
  return {
    async page(cluster, { app, ip, listenPort }, path) {
      await curl(namespaceOf({ id: cluster }, { app }) ?? '', `http://${ip}:${listenPort}${path}`);
    },
    direct: [
      call('reviews by curl', page('reviews', '/reviews/42')),
      call('ratings by curl', page('ratings', '/ratings/42')),
      call('ledger by a TCP client', async () => (await lines(from, at('ledger'), 'ADD lab\n')).startsWith('OK ')),
      call('audit by a TCP client (not exported), which must be refused', async () => {
        return (await lines(from, at('audit'), 'COUNT\n').catch(() => '')) === '';
      }),
      {
        what: `a pod of ${west.network} by its address, from the namespace of ${east.network}, which must not reach it`,
        async run() {
          const { ip: host, listenPort: port } = ledger;
          const answer = await lines(namespaceOf(east) ?? '', { host, port }, 'COUNT\n').catch(() => undefined);
          if (answer !== undefined) throw new Error(`it answered ${JSON.stringify(answer)}`);
        },
      },
    ],
  };
}

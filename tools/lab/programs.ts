/** Where the programs are that the lab starts: what the build makes, found from the workspace's root. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Programs {
  readonly proxy: string;
  readonly controlPlane: string;
  readonly shop: string;
  readonly guard: string;
  /** What runs inside network namespaces: a way in, and a plain client. */
  readonly doorkeeper: string;
  readonly lineClient: string;
}

/** Names another proxy to run, for instance the single executable. */
export const PROXY_VARIABLE = 'ISTHMUS_LAB_PROXY';

/** Throws with the command to run when one of them is not built. */
export function findPrograms(): Programs {
  const root = findRoot(dirname(fileURLToPath(import.meta.url)));
  const programs = {
    proxy: process.env[PROXY_VARIABLE] ?? join(root, 'packages/proxy/dist/main.js'),
    controlPlane: join(root, 'packages/control-plane/dist/main.js'),
    shop: join(root, 'examples/shop/dist/main.js'),
    guard: join(root, 'tools/dist/lab/guard.js'),
    doorkeeper: join(root, 'tools/dist/lab/netns/doorkeeper.js'),
    lineClient: join(root, 'tools/dist/lab/netns/line-client.js'),
  };
  const absent = Object.values(programs).filter((path) => !existsSync(path));
  if (absent.length > 0) throw new Error(`not built: ${absent.join(', ')}; run "npm run build"`);
  return programs;
}

function findRoot(from: string): string {
  for (let directory = from; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'layers.json'))) return directory;
    if (dirname(directory) === directory) throw new Error(`the workspace's root (layers.json) is not above ${from}`);
  }
}

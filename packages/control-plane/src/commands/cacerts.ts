/** `cacerts`: an intermediate CA for one cluster, below a root that further clusters can share. */
import { dirname, join, resolve } from 'node:path';
import { makeCacerts } from '../ca/index.js';
import { CommandError, printJson, type Streams } from './output.js';

export interface CacertsOptions {
  readonly out: string;
  readonly root?: string;
  readonly cluster: string;
  readonly trustDomain: string;
  readonly json?: boolean;
}

export async function cacerts(
  { out, cluster, trustDomain, json, ...options }: CacertsOptions,
  streams: Streams,
): Promise<void> {
  const root = options.root ?? join(dirname(resolve(out)), 'root');
  const made = await makeCacerts({ out, root, cluster, trustDomain, now: Date.now() }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST')
        throw new CommandError(`${error.path} exists; a key is never overwritten, remove it first`);
      throw new CommandError(error.message);
    },
  );
  const notAfter = made.notAfter.toISOString();
  if (json) printJson(streams, { out, root, cluster, trustDomain, rootMade: made.root === 'made', notAfter });
  else
    streams.out(
      `${out}: intermediate CA of ${cluster} (${trustDomain}), valid until ${notAfter}; root ${made.root} in ${root}`,
    );
}

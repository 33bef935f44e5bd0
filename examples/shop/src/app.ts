/** What an app of the shop is: something that starts, says where it listens and closes within a bounded time. */
import type { Server } from 'node:net';
import type { Endpoint, Settings, UpstreamName } from './settings.js';

export interface RunningApp {
  /** Stops accepting and resolves when what was running has finished. */
  close(): Promise<void>;
}

export interface App {
  readonly summary: string;
  readonly needs: readonly UpstreamName[];
  start(settings: Settings): Promise<RunningApp>;
}

/** Rejects when the address cannot be bound. */
export function listening(server: Server, { host, port }: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A port that cannot be had: which setting asked for it, why, and what to do. */

export interface Listening {
  /** The setting whose `host` and `port` these are. */
  readonly setting: string;
  readonly host: string;
  readonly port: number;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; end that one, or set another port',
  EADDRNOTAVAIL: 'no interface of this host has the address; set one that it has',
  EACCES: 'not permitted; ports below 1024 take a privilege, set another one',
};

export function hostAndPort({ host, port }: Pick<Listening, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function cannotListen(at: Listening, error: Error): Error {
  // gRPC has the system's reason somewhere in a sentence of its own.
  const code = /\bE[A-Z]{4,}\b/.exec(error.message)?.[0] ?? '';
  return new Error(`${at.setting}: cannot listen on ${hostAndPort(at)}: ${REASONS[code] ?? error.message}`);
}

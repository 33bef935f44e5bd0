/**
 * What an app of the shop is told by its environment. Every problem is reported at once, with the variable's name.
 *
 * An upstream is a service name and port. Where names of the mesh do not resolve (a laptop), `<NAME>_VIA` is the address
 * to dial in its place; the name still travels in `Host` and `:authority`.
 */

export interface ServedBy {
  readonly cluster: string;
  readonly pod: string;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Upstream {
  /** `host:port` of the service, as the caller names it. */
  readonly name: string;
  /** Where to connect. */
  readonly dial: Endpoint;
}

export type UpstreamName = 'reviews' | 'ratings' | 'recommendations' | 'ledger';

export interface Settings {
  readonly listen: Endpoint;
  readonly servedBy: ServedBy;
  upstream(name: UpstreamName): Upstream;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws one error that lists everything that is missing or malformed. */
export function readSettings(environment: Environment, needs: readonly UpstreamName[]): Settings {
  const problems: string[] = [];
  const listen = endpoint(environment, 'LISTEN', problems);
  const upstreams = new Map<UpstreamName, Upstream>();
  for (const name of needs) {
    const variable = name.toUpperCase();
    const service = endpoint(environment, variable, problems);
    const via = `${variable}_VIA`;
    const dial = environment[via] === undefined ? service : endpoint(environment, via, problems);
    if (service && dial) upstreams.set(name, { name: `${service.host}:${service.port}`, dial });
  }
  if (problems.length > 0 || !listen) throw new Error(problems.join('\n'));

  return {
    listen,
    servedBy: { cluster: environment.CLUSTER ?? 'unknown', pod: environment.POD_NAME ?? 'unknown' },
    upstream(name) {
      const found = upstreams.get(name);
      if (!found) throw new Error(`upstream ${name} was not asked for at start`);
      return found;
    },
  };
}

function endpoint(environment: Environment, variable: string, problems: string[]): Endpoint | undefined {
  const text = environment[variable];
  const colon = text?.lastIndexOf(':') ?? -1;
  const port = Number(text?.slice(colon + 1));
  if (text === undefined) problems.push(`${variable} is not set; it must be host:port`);
  else if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65535) {
    problems.push(`${variable}=${JSON.stringify(text)} is not host:port`);
  } else return { host: text.slice(0, colon), port };
  return undefined;
}

/** Whether this machine lets a process hold thousands of connections open, asked before it is found out halfway. */
import { readFileSync } from 'node:fs';

/** Connections of the proxies themselves, files, pipes: far below it. */
const OTHER_DESCRIPTORS = 500;
/** Linux. Every proxy dials one address, so that there are as many connections as ports. */
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

export interface Capacity {
  /** What one process may have open; node raises its soft limit to the hard one. */
  readonly descriptors: number;
  /** Ports to dial from. */
  readonly ports: number;
}

/** What cannot be told counts as enough. */
export function readCapacity(): Capacity {
  return { descriptors: descriptors(), ports: ports() };
}

/** Why that many connections cannot be open at a time, with the remedy; undefined when they can. */
export function shortageOf({ descriptors, ports }: Capacity, connections: number): string | undefined {
  const needed = connections + OTHER_DESCRIPTORS;
  if (descriptors < needed) {
    return `${connections} idle connections need ${needed} open files and the limit is ${descriptors}: raise it (ulimit -n), or use --short`;
  }
  if (ports >= connections) return undefined;
  return `${connections} idle connections need as many ports and there are ${ports}: widen net.ipv4.ip_local_port_range, or use --short`;
}

function descriptors(): number {
  const { userLimits } = process.report.getReport() as { readonly userLimits?: Record<string, { hard: unknown }> };
  const limit = Number(userLimits?.open_files?.hard);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

function ports(): number {
  try {
    const [first = 0, last = Number.POSITIVE_INFINITY] = readFileSync(PORT_RANGE, 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    return last - first + 1;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

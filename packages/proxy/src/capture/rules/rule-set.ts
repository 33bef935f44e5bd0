/**
 * The rules of a network namespace whose traffic this proxy carries, as rows: what is matched and what happens to it.
 * nft.ts and iptables.ts print them; nothing here knows either syntax. Ports, marks, chain names and the probe addresses
 * are those of Istio's in-pod rules, so that what is known about those holds here.
 *
 * One thing differs: Istio recognises its proxy's own packets by their mark (1337), which Node cannot set. Here it is the
 * user or group the proxy runs as; the mark counts as well, for other proxies.
 */
import { PORT } from '@isthmus/sdk/wire';

/** Of packets a proxy sent (SO_MARK 1337), and of those that TPROXY leads to this host. */
export const MARK = { proxy: 0x539, tproxy: 0x111, mask: 0xfff } as const;
/** Where packets with the second mark are looked up: the whole world is local there. */
export const ROUTE_TABLE = 100;
/** What istio-cni lets a kubelet's probes come from. */
const PROBES = ['169.254.7.127', 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff'] as const;
/** ztunnel's DNS proxy. */
const DNS_PROXY_PORT = 15053;

export const TABLES = ['nat', 'mangle'] as const;
export type TableName = (typeof TABLES)[number];
export type ChainName = 'prerouting' | 'output';

export type Match =
  | { readonly kind: 'protocol'; readonly protocol: 'tcp' | 'udp' }
  /** Destination ports; with `not`, all others. Needs a protocol before it. */
  | { readonly kind: 'ports'; readonly ports: readonly number[]; readonly not?: true }
  | { readonly kind: 'source' | 'destination'; readonly ip: string }
  | { readonly kind: 'interface'; readonly way: 'in' | 'out'; readonly name: string }
  | { readonly kind: 'user' | 'group'; readonly id: number }
  | { readonly kind: 'mark'; readonly mark: number; readonly not?: true }
  /** Of a connection that has been answered before, or belongs to one. */
  | { readonly kind: 'established' }
  /** Answers, as against what whoever opened the connection sends. */
  | { readonly kind: 'answer' };

export type Action =
  /** As if there were no rules. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'redirect'; readonly port: number }
  /** Leads the packet back to this host, through the loopback interface, by policy routing. */
  | { readonly kind: 'mark'; readonly mark: number }
  /** Hands it to the transparent listener on that port. */
  | { readonly kind: 'tproxy'; readonly port: number; readonly mark: number };

export interface Rule {
  readonly table: TableName;
  readonly chain: ChainName;
  readonly matches: readonly Match[];
  readonly action: Action;
}

export interface RuleOptions {
  readonly mode: 'redirect' | 'tproxy';
  /** Whose packets are never captured: the proxy runs as one of these. At least one in all. */
  readonly users: readonly number[];
  readonly groups: readonly number[];
  /** Inbound ports that are served here without the proxy, such as those of its own pages. */
  readonly excludedInboundPorts: readonly number[];
  /** Leads DNS to the port of ztunnel's DNS proxy. */
  readonly dns: boolean;
}

export interface RuleSet {
  readonly rules: readonly Rule[];
  /** Whether packets with the TPROXY mark have to be routed to this host. */
  readonly routesMarked: boolean;
}

const TCP: Match = { kind: 'protocol', protocol: 'tcp' };
const UDP: Match = { kind: 'protocol', protocol: 'udp' };
const FROM_LOOPBACK: Match = { kind: 'interface', way: 'in', name: 'lo' };
/** To this very namespace: to loopback, or to an address of its own. */
const TO_ITSELF: Match = { kind: 'interface', way: 'out', name: 'lo' };
const BY_A_PROXY: Match = { kind: 'mark', mark: MARK.proxy };
const NOT_BY_A_PROXY: Match = { kind: 'mark', mark: MARK.proxy, not: true };

/** In the order in which they are tried; the first that matches decides. */
export function ruleSet(options: RuleOptions): RuleSet {
  const capture = options.mode === 'redirect' ? redirectRules : tproxyRules;
  return { rules: [...capture(options), ...dnsRules(options)], routesMarked: options.mode === 'tproxy' };
}

function redirectRules(options: RuleOptions): readonly Rule[] {
  const inbound = rowsOf('nat', 'prerouting');
  const outbound = rowsOf('nat', 'output');
  return [
    ...notForTheProxy(options).map((matches) => inbound(matches, { kind: 'leave' })),
    inbound([TCP, NOT_BY_A_PROXY], { kind: 'redirect', port: PORT.plaintextInbound }),
    ...notFromApplications(options).map((matches) => outbound(matches, { kind: 'leave' })),
    outbound([TCP, ...(options.dns ? [notDns()] : [])], { kind: 'redirect', port: PORT.outbound }),
  ];
}

/**
 * TPROXY works on arrival only, so what is sent from here is marked, routed to the loopback interface by the mark, and
 * taken as it arrives there. Addresses are never rewritten.
 */
function tproxyRules(options: RuleOptions): readonly Rule[] {
  const inbound = rowsOf('mangle', 'prerouting');
  const outbound = rowsOf('mangle', 'output');
  const { tproxy: mark } = MARK;
  return [
    inbound([FROM_LOOPBACK, TCP, { kind: 'mark', mark }], { kind: 'tproxy', port: PORT.outbound, mark }),
    inbound([FROM_LOOPBACK], { kind: 'leave' }),
    inbound([{ kind: 'established' }], { kind: 'leave' }),
    ...notForTheProxy(options).map((matches) => inbound(matches, { kind: 'leave' })),
    inbound([TCP, NOT_BY_A_PROXY], { kind: 'tproxy', port: PORT.plaintextInbound, mark }),
    ...notFromApplications(options).map((matches) => outbound(matches, { kind: 'leave' })),
    outbound([{ kind: 'answer' }], { kind: 'leave' }),
    outbound([TCP, ...(options.dns ? [notDns()] : [])], { kind: 'mark', mark }),
  ];
}

/** What arrives and is served as it is: tunnels, which the proxy listens for itself, and what was left out. */
function notForTheProxy({ excludedInboundPorts }: RuleOptions): readonly (readonly Match[])[] {
  return [
    ...PROBES.map((ip): readonly Match[] => [{ kind: 'source', ip }]),
    [TCP, { kind: 'ports', ports: [PORT.hbone, ...excludedInboundPorts] }],
  ];
}

/** What is sent and is none of the applications' outbound traffic. */
function notFromApplications({ users, groups }: RuleOptions): readonly (readonly Match[])[] {
  return [
    ...PROBES.map((ip): readonly Match[] => [{ kind: 'destination', ip }]),
    ...users.map((id): readonly Match[] => [{ kind: 'user', id }]),
    ...groups.map((id): readonly Match[] => [{ kind: 'group', id }]),
    [BY_A_PROXY],
    [TO_ITSELF],
  ];
}

/** The same in both modes: a DNS question has no state worth keeping its address for. */
function dnsRules(options: RuleOptions): readonly Rule[] {
  if (!options.dns) return [];
  const row = rowsOf('nat', 'output');
  const asked: Match = { kind: 'ports', ports: [53] };
  const exempt = options.mode === 'redirect' ? [] : notFromApplications(options);
  return [
    ...exempt.map((matches) => row(matches, { kind: 'leave' })),
    row([UDP, asked], { kind: 'redirect', port: DNS_PROXY_PORT }),
    row([TCP, asked], { kind: 'redirect', port: DNS_PROXY_PORT }),
  ];
}

function notDns(): Match {
  return { kind: 'ports', ports: [53], not: true };
}

function rowsOf(table: TableName, chain: ChainName) {
  return (matches: readonly Match[], action: Action): Rule => ({ table, chain, matches, action });
}

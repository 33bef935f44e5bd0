/**
 * Rules as a shell script around `nft`: the tables are replaced in one transaction, so the script can be run again, and
 * after the script of the other mode. Table and chain names are those of Istio's native nftables support.
 */
import { isIPv6 } from 'node:net';
import { routingLines } from './routing.js';
import {
  type Action,
  type ChainName,
  MARK,
  type Match,
  type Rule,
  type RuleSet,
  TABLES,
  type TableName,
} from './rule-set.js';

const nameOf = (table: TableName) => `istio-ambient-${table}`;

/**
 * Base chains, at the priorities of dstnat and mangle, as numbers: older versions of nft know those names in prerouting
 * only. Only a chain of type `route` looks for another way after a packet was marked.
 */
const BASE: Readonly<Record<TableName, Readonly<Record<ChainName, string>>>> = {
  nat: {
    prerouting: 'type nat hook prerouting priority -100; policy accept;',
    output: 'type nat hook output priority -100; policy accept;',
  },
  mangle: {
    prerouting: 'type filter hook prerouting priority -150; policy accept;',
    output: 'type route hook output priority -150; policy accept;',
  },
};
const CHAINS: readonly ChainName[] = ['prerouting', 'output'];

export function nftScript({ rules, routesMarked }: RuleSet): string {
  const tables = TABLES.filter((table) => rules.some((rule) => rule.table === table));
  const lines = [...withoutTables(), ...tables.flatMap((table) => tableLines(table, rules))];
  return [...script(lines), ...routingLines(routesMarked ? 'add' : 'delete')].join('\n');
}

export function nftDeleteScript(): string {
  return [...script(withoutTables()), ...routingLines('delete')].join('\n');
}

function script(lines: readonly string[]): readonly string[] {
  return ["nft -f - <<'RULES'", ...lines, 'RULES'];
}

/** Deleting what is not there fails, adding what is there does not. */
function withoutTables(): readonly string[] {
  return TABLES.flatMap((table) => [`add table inet ${nameOf(table)}`, `delete table inet ${nameOf(table)}`]);
}

function tableLines(table: TableName, rules: readonly Rule[]): readonly string[] {
  const inChain = (chain: ChainName) => rules.filter((rule) => rule.table === table && rule.chain === chain);
  return [
    `table inet ${nameOf(table)} {`,
    // Defined before they are jumped to.
    ...CHAINS.flatMap((chain) => chainLines(`istio-${chain}`, inChain(chain).map(ruleLine))),
    ...CHAINS.flatMap((chain) => chainLines(chain, [BASE[table][chain], `jump istio-${chain}`])),
    '}',
  ];
}

function chainLines(name: string, lines: readonly string[]): readonly string[] {
  return [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), '  }'];
}

function ruleLine({ matches, action }: Rule): string {
  const ports = matches.find((match) => match.kind === 'ports');
  const texts = matches
    // A port is matched together with its protocol.
    .filter((match) => !(match.kind === 'protocol' && ports))
    .map((match) => matchText(match, matches));
  return [...texts, actionText(action)].join(' ');
}

function matchText(match: Match, all: readonly Match[]): string {
  switch (match.kind) {
    case 'protocol':
      return `meta l4proto ${match.protocol}`;
    case 'ports': {
      const protocol = all.find((each) => each.kind === 'protocol')?.protocol;
      return `${protocol} dport ${match.not ? '!= ' : ''}{ ${match.ports.join(', ')} }`;
    }
    case 'source':
    case 'destination':
      return `${isIPv6(match.ip) ? 'ip6' : 'ip'} ${match.kind === 'source' ? 'saddr' : 'daddr'} ${match.ip}`;
    case 'interface':
      return `${match.way === 'in' ? 'iifname' : 'oifname'} "${match.name}"`;
    case 'user':
      return `meta skuid ${match.id}`;
    case 'group':
      return `meta skgid ${match.id}`;
    case 'mark':
      return `meta mark & ${hex(MARK.mask)} ${match.not ? '!=' : '=='} ${hex(match.mark)}`;
    case 'established':
      return 'ct state established,related';
    case 'answer':
      return 'ct direction reply';
  }
}

function actionText(action: Action): string {
  switch (action.kind) {
    case 'leave':
      return 'return';
    case 'redirect':
      return `redirect to :${action.port}`;
    case 'mark':
      return markText(action.mark);
    case 'tproxy':
      return `tproxy to :${action.port} ${markText(action.mark)} accept`;
  }
}

function markText(mark: number): string {
  return `meta mark set meta mark & ${hex(~MARK.mask >>> 0)} | ${hex(mark)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

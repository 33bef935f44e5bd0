/**
 * Rules as a shell script around `iptables-restore` and `ip6tables-restore`: the chains are replaced in one transaction,
 * and jumped to once, so the script can be run again, and after the script of the other mode. Chain names are Istio's.
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

const CHAINS: Readonly<Record<ChainName, { readonly base: string; readonly own: string }>> = {
  prerouting: { base: 'PREROUTING', own: 'ISTIO_PRERT' },
  output: { base: 'OUTPUT', own: 'ISTIO_OUTPUT' },
};

interface Family {
  readonly command: 'iptables' | 'ip6tables';
  has(match: Match): boolean;
}

const FAMILIES: readonly Family[] = [
  { command: 'iptables', has: (match) => !('ip' in match) || !isIPv6(match.ip) },
  { command: 'ip6tables', has: (match) => !('ip' in match) || isIPv6(match.ip) },
];

export function iptablesScript({ rules, routesMarked }: RuleSet): string {
  const lines = FAMILIES.flatMap((family) => whereItExists(family, setLines(family, rules)));
  return [...lines, ...routingLines(routesMarked ? 'add' : 'delete')].join('\n');
}

export function iptablesDeleteScript(): string {
  return [...FAMILIES.flatMap((family) => whereItExists(family, deleteLines(family))), ...routingLines('delete')].join(
    '\n',
  );
}

/** A host without IPv6 has no tables of it, and nothing to capture. */
function whereItExists({ command }: Family, lines: readonly string[]): readonly string[] {
  if (command === 'iptables') return lines;
  return [`if ${command} -w -t nat -n -L >/dev/null 2>&1; then`, ...lines, 'fi'];
}

function setLines(family: Family, rules: readonly Rule[]): readonly string[] {
  const { command } = family;
  const restore = TABLES.flatMap((table) => [
    `*${table}`,
    // Naming a chain empties it, and leaves the rest of the table alone (--noflush).
    ...Object.values(CHAINS).map(({ own }) => `:${own} - [0:0]`),
    ...rules
      .filter((rule) => rule.table === table && rule.matches.every(family.has))
      .map((rule) => `-A ${CHAINS[rule.chain].own} ${ruleText(rule)}`),
    'COMMIT',
  ]);
  const jumps = eachJump((table, jump) => [
    `${command} -w -t ${table} -C ${jump} 2>/dev/null || ${command} -w -t ${table} -A ${jump}`,
  ]);
  return [`${command}-restore -w --noflush <<'RULES'`, ...restore, 'RULES', ...jumps];
}

function deleteLines({ command }: Family): readonly string[] {
  return eachJump((table, jump, own) => [
    `while ${command} -w -t ${table} -D ${jump} 2>/dev/null; do :; done`,
    `${command} -w -t ${table} -F ${own} 2>/dev/null || true`,
    `${command} -w -t ${table} -X ${own} 2>/dev/null || true`,
  ]);
}

function eachJump(lines: (table: TableName, jump: string, own: string) => readonly string[]): readonly string[] {
  return TABLES.flatMap((table) =>
    Object.values(CHAINS).flatMap(({ base, own }) => lines(table, `${base} -j ${own}`, own)),
  );
}

function ruleText({ matches, action }: Rule): string {
  return [...matches.map(matchText), `-j ${actionText(action)}`].join(' ');
}

function matchText(match: Match): string {
  switch (match.kind) {
    case 'protocol':
      return `-p ${match.protocol}`;
    case 'ports':
      return `-m multiport ${match.not ? '! ' : ''}--dports ${match.ports.join(',')}`;
    case 'source':
      return `-s ${match.ip}`;
    case 'destination':
      return `-d ${match.ip}`;
    case 'interface':
      return `${match.way === 'in' ? '-i' : '-o'} ${match.name}`;
    case 'user':
      return `-m owner --uid-owner ${match.id}`;
    case 'group':
      return `-m owner --gid-owner ${match.id}`;
    case 'mark':
      return `-m mark ${match.not ? '! ' : ''}--mark ${marked(match.mark)}`;
    case 'established':
      return '-m conntrack --ctstate RELATED,ESTABLISHED';
    case 'answer':
      return '-m conntrack --ctdir REPLY';
  }
}

function actionText(action: Action): string {
  switch (action.kind) {
    case 'leave':
      return 'RETURN';
    case 'redirect':
      return `REDIRECT --to-ports ${action.port}`;
    case 'mark':
      return `MARK --set-xmark ${marked(action.mark)}`;
    case 'tproxy':
      return `TPROXY --on-port ${action.port} --tproxy-mark ${marked(action.mark)}`;
  }
}

function marked(mark: number): string {
  return `0x${mark.toString(16)}/0x${MARK.mask.toString(16)}`;
}

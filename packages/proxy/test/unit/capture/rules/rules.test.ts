import { describe, expect, it } from 'vitest';
import { createRulesCommand, deleteRulesScript, rulesScript } from '../../../../src/capture/rules/command.js';
import { type RuleOptions, ruleSet } from '../../../../src/capture/rules/rule-set.js';

const OPTIONS: RuleOptions = {
  mode: 'redirect',
  users: [1337],
  groups: [],
  excludedInboundPorts: [15020, 15021],
  dns: false,
};
const FORMATS = ['nft', 'iptables'] as const;
const MODES = ['redirect', 'tproxy'] as const;
const linesOf = (script: string) => script.split('\n').map((line) => line.trim());

function printed(...argv: readonly string[]): string {
  let text = '';
  const command = createRulesCommand((script) => {
    text += script;
  });
  command.exitOverride().configureOutput({ writeErr() {} });
  command.parse(argv, { from: 'user' });
  return text;
}

describe('the rules of a namespace', () => {
  it('redirect what arrives to 15006 and what is sent to 15001, after every exemption', () => {
    const { rules, routesMarked } = ruleSet(OPTIONS);

    const actions = (chain: string) => rules.filter((rule) => rule.chain === chain).map(({ action }) => action);
    expect(new Set(rules.map(({ table }) => table))).toEqual(new Set(['nat']));
    for (const [chain, port] of [
      ['prerouting', 15006],
      ['output', 15001],
    ] as const) {
      const all = actions(chain);
      expect(all.at(-1)).toEqual({ kind: 'redirect', port });
      expect(all.slice(0, -1).every(({ kind }) => kind === 'leave')).toBe(true);
    }
    expect(routesMarked).toBe(false);
  });

  it('hand over without rewriting in the other mode, and route what is marked', () => {
    const { rules, routesMarked } = ruleSet({ ...OPTIONS, mode: 'tproxy' });

    expect(new Set(rules.map(({ table }) => table))).toEqual(new Set(['mangle']));
    expect(rules.map(({ action }) => action).filter(({ kind }) => kind !== 'leave')).toEqual([
      { kind: 'tproxy', port: 15001, mark: 0x111 },
      { kind: 'tproxy', port: 15006, mark: 0x111 },
      { kind: 'mark', mark: 0x111 },
    ]);
    expect(routesMarked).toBe(true);
  });

  it.each(MODES)('keep %s mode from the proxy by user, group and mark', (mode) => {
    const { rules } = ruleSet({ ...OPTIONS, mode, users: [7, 8], groups: [9] });

    const left = rules.filter(({ chain, action }) => chain === 'output' && action.kind === 'leave');
    expect(left.flatMap(({ matches }) => matches)).toEqual(
      expect.arrayContaining([
        { kind: 'user', id: 7 },
        { kind: 'user', id: 8 },
        { kind: 'group', id: 9 },
        { kind: 'mark', mark: 0x539 },
        { kind: 'interface', way: 'out', name: 'lo' },
      ]),
    );
  });

  it.each(MODES)('lead DNS of both protocols to 15053 only when asked to, in %s mode', (mode) => {
    const dns = (rules: ReturnType<typeof ruleSet>['rules']) =>
      rules
        .filter(({ action }) => action.kind === 'redirect' && action.port === 15053)
        .map(({ matches }) => matches[0]);

    const without = dns(ruleSet({ ...OPTIONS, mode }).rules);
    const withDns = dns(ruleSet({ ...OPTIONS, mode, dns: true }).rules);

    expect(without).toEqual([]);
    expect(withDns).toEqual([
      { kind: 'protocol', protocol: 'udp' },
      { kind: 'protocol', protocol: 'tcp' },
    ]);
  });
});

describe('the script', () => {
  it('of nft is one transaction on tables of its own', () => {
    const lines = linesOf(rulesScript('nft', OPTIONS));

    expect(lines.filter((line) => line.startsWith('nft '))).toEqual(["nft -f - <<'RULES'"]);
    expect(lines.slice(0, 8)).toEqual([
      '#!/bin/sh',
      'set -eu',
      "nft -f - <<'RULES'",
      'add table inet istio-ambient-nat',
      'delete table inet istio-ambient-nat',
      'add table inet istio-ambient-mangle',
      'delete table inet istio-ambient-mangle',
      'table inet istio-ambient-nat {',
    ]);
    expect(lines).toContain('meta skuid 1337 return');
    expect(lines).toContain('tcp dport { 15008, 15020, 15021 } return');
    expect(lines).toContain('meta l4proto tcp redirect to :15001');
  });

  it('of iptables speaks of each family in its own table, with the chains of Istio', () => {
    const script = rulesScript('iptables', OPTIONS);
    const [v4 = '', v6 = ''] = script.split('ip6tables-restore');

    expect(linesOf(v4)).toContain('-A ISTIO_OUTPUT -p tcp -j REDIRECT --to-ports 15001');
    expect(linesOf(v6)).toContain('-A ISTIO_OUTPUT -p tcp -j REDIRECT --to-ports 15001');
    expect(linesOf(v4)).toContain('-A ISTIO_PRERT -s 169.254.7.127 -j RETURN');
    expect(v4).not.toContain('fd16:');
    expect(v6).not.toContain('169.254');
  });

  it.each(FORMATS)('of %s routes by mark only where something is marked, and takes it back else', (format) => {
    const redirect = linesOf(rulesScript(format, OPTIONS));
    const tproxy = linesOf(rulesScript(format, { ...OPTIONS, mode: 'tproxy' }));

    expect(redirect.filter((line) => line.includes('rule add'))).toEqual([]);
    expect(redirect.filter((line) => line.includes('rule delete'))).toHaveLength(2);
    expect(tproxy).toContain('ip -4 rule add fwmark 0x111/0xfff lookup 100');
    expect(tproxy).toContain('ip -4 route add local 0.0.0.0/0 dev lo table 100');
  });

  it.each(FORMATS)('that takes back what was done by %s names every table, and leads nothing anywhere', (format) => {
    const script = deleteRulesScript(format);

    for (const table of ['nat', 'mangle']) expect(script).toContain(table);
    expect(script).not.toMatch(/redirect|REDIRECT|tproxy to|TPROXY|rule add/);
  });
});

describe('isthmus-proxy rules', () => {
  it('prints the redirect of nft for the user and group of Istio, unless told otherwise', () => {
    expect(printed()).toBe(rulesScript('nft', { ...OPTIONS, groups: [1337] }));
    expect(printed('--delete', '--format', 'iptables')).toBe(deleteRulesScript('iptables'));
  });

  it('takes lists', () => {
    const text = printed('--uid', '7,8', '--gid', '0', '--exclude-inbound-ports', '22,9000');

    expect(text).toBe(rulesScript('nft', { ...OPTIONS, users: [7, 8], groups: [0], excludedInboundPorts: [22, 9000] }));
  });

  it.each([
    ['--mode', 'envoy'],
    ['--format', 'pf'],
    ['--uid', 'root'],
    ['--gid', '-1'],
    ['--exclude-inbound-ports', '0'],
    ['--exclude-inbound-ports', '70000'],
    ['--exclude-inbound-ports', Array.from({ length: 15 }, (_, index) => 1 + index).join()],
  ])('does not take %s %s', (option, value) => {
    expect(() => printed(option, value)).toThrow(expect.objectContaining({ exitCode: 1 }));
  });
});

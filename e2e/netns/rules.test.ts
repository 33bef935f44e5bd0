/** The printed rules on a namespace of their own: they can be run again, after each other, and taken back. */
import { createNamespaces, missingForNamespaces, type Namespaces } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Format, INSTALLED, inNamespace, type Mode, printedRules } from './support.js';

const missing = missingForNamespaces();
if (missing.length > 0) process.stderr.write(`rules in network namespaces: skipped, needs ${missing.join('; ')}\n`);

const NAMESPACE = `isthmus-rules-${process.pid}`;
const MODES: readonly Mode[] = ['redirect', 'tproxy'];

describe.skipIf(missing.length > 0)('rules in a network namespace', () => {
  let namespaces: Namespaces | undefined;
  beforeAll(() => {
    namespaces = createNamespaces([NAMESPACE]);
  });
  afterAll(() => namespaces?.remove());

  const sh = (script: string) => inNamespace(NAMESPACE, ['sh'], script);
  /** Everything the kernel holds of it, without counters. */
  const state = (format: Format) => {
    const dump = format === 'nft' ? 'nft -s list ruleset' : 'iptables-save; ip6tables-save';
    const rules = sh(`${dump}; ip -4 rule; ip -6 rule; ip -4 route show table 100 2>/dev/null || true`);
    return rules
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.replace(/\[\d+:\d+\]/, ''))
      .join('\n');
  };

  describe.each(INSTALLED)('printed for %s', (format) => {
    it.each(MODES)('can be run twice in %s mode, and DNS is added and taken back', (mode) => {
      const options = ['--format', format, '--mode', mode] as const;

      sh(printedRules(...options));
      const once = state(format);
      sh(printedRules(...options, '--dns'));
      const withDns = state(format);
      sh(printedRules(...options));
      const again = state(format);

      expect(once).toMatch(mode === 'redirect' ? /15001/ : /tproxy|TPROXY/);
      expect(withDns).toContain('15053');
      expect(again).toBe(once);
    });

    it('replace those of the other mode, and leave nothing when they are taken back', () => {
      sh(printedRules('--format', format, '--delete'));
      const before = state(format);

      sh(printedRules('--format', format, '--mode', 'redirect'));
      const redirect = state(format);
      sh(printedRules('--format', format, '--mode', 'tproxy'));
      sh(printedRules('--format', format, '--mode', 'redirect'));
      const after = state(format);
      sh(printedRules('--format', format, '--delete'));
      sh(printedRules('--format', format, '--delete'));

      expect(after).toBe(redirect);
      expect(before).not.toMatch(/ISTIO|istio|fwmark/);
      expect(state(format)).toBe(before);
    });
  });
});

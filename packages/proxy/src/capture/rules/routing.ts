/** Policy routing of TPROXY: packets with its mark are delivered to this host, whatever their destination. Repeatable. */
import { MARK, ROUTE_TABLE } from './rule-set.js';

const RULE = `fwmark 0x${MARK.tproxy.toString(16)}/0x${MARK.mask.toString(16)} lookup ${ROUTE_TABLE}`;
const WORLD = { '-4': '0.0.0.0/0', '-6': '::/0' } as const;

/** Lines of shell. A host without IPv6 has nothing to route there. */
export function routingLines(what: 'add' | 'delete'): readonly string[] {
  return Object.entries(WORLD).flatMap(([family, everything]) => {
    const orNothing = family === '-6' ? ' 2>/dev/null || true' : '';
    const without = [
      `while ip ${family} rule delete ${RULE} 2>/dev/null; do :; done`,
      `ip ${family} route flush table ${ROUTE_TABLE} 2>/dev/null || true`,
    ];
    if (what === 'delete') return without;
    return [
      ...without,
      `ip ${family} rule add ${RULE}${orNothing}`,
      `ip ${family} route add local ${everything} dev lo table ${ROUTE_TABLE}${orNothing}`,
    ];
  });
}

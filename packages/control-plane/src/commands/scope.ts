/** Who exports what to whom, for people: a line per record, and per peer that is told less than all of what is exported. */
import type { ScopeRow } from '../admin/index.js';
import { columns } from './columns.js';

export function scopeLines(rows: readonly ScopeRow[]): readonly string[] {
  const table = columns(
    ['SERVICE', 'CLUSTER', 'NETWORK', 'EXPORTED', 'TOLD TO', 'REACHABLE', 'WHY'],
    rows.map((row) => [
      row.service,
      row.cluster,
      row.network,
      row.exported ? 'yes' : 'no',
      toldTo(row),
      row.reachable ? 'yes' : 'no',
      row.reason,
    ]),
  );
  const withheld = rows.flatMap(({ service, exported, peers = [] }) =>
    peers.filter(({ told }) => exported && !told).map(({ peer, reason }) => [service, peer, reason]),
  );
  return withheld.length === 0 ? table : [...table, '', ...columns(['EXPORTED', 'BUT NOT TO', 'WHY'], withheld)];
}

/** Of records of other clusters it is not known here. */
function toldTo({ peers, exported }: ScopeRow): string {
  if (!peers || !exported) return '-';
  const told = peers.filter((each) => each.told).map(({ peer }) => peer);
  return told.length === peers.length ? 'all peers' : told.join(',') || 'nobody';
}

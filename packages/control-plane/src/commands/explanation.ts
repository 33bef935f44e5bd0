/** An explanation over all clusters, for people: each hop that is decided here, then what every cluster has of the service. */
import { explanationLines } from '@isthmus/sdk/routing';
import type { ExplainedCluster, FullExplanation } from '../admin/index.js';
import { columns } from './columns.js';

export function fullExplanationLines(explanation: FullExplanation): readonly string[] {
  const { next, clusters } = explanation;
  return [
    ...explanationLines(explanation),
    ...(next ? ['', 'then, at that waypoint:', ...explanationLines(next)] : []),
    ...(clusters.length > 0 ? ['', ...clusterLines(clusters)] : []),
  ];
}

/** Whether the connection would be refused, at the first hop or the next. */
export function leadsNowhere({ plan, next }: FullExplanation): boolean {
  return plan.kind === 'refuse' || next?.plan.kind === 'refuse';
}

function clusterLines(clusters: readonly ExplainedCluster[]): readonly string[] {
  return columns(
    ['CLUSTER', 'NETWORK', 'EXPORTED', 'REACHABLE', 'CAPACITY', 'READY', 'BY HBONE', 'SHARE', 'ITS WAYPOINT', 'WHY'],
    clusters.map(({ cluster, network, exported, reachable, members, share, waypoint = '-', reason }) => [
      cluster,
      network,
      exported ? 'yes' : 'no',
      reachable ? 'yes' : 'no',
      String(members.all),
      String(members.ready),
      String(members.hbone),
      `${Math.round(share * 100)} %`,
      waypoint,
      reason,
    ]),
  );
}

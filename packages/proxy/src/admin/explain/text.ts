/** What the proxy has to say for a terminal. Pure. */
import { explanationLines } from '@isthmus/sdk/routing';
import type { ExplainReport, GatewayOutOfService } from './route.js';

export function explanationText(report: ExplainReport): string {
  const { local, gatewaysOutOfService } = report;
  const notes = local ? [] : ['not a workload of this proxy: its own may know other records'];
  return [...explanationLines(report, notes), ...gatewaysOutOfService.map(gatewayLine), ''].join('\n');
}

function gatewayLine({ address, state, reason, since, worker }: GatewayOutOfService): string {
  const when = `since ${new Date(since).toISOString()}${worker === undefined ? '' : ` in worker ${worker}`}`;
  return `gateway ${address} ${state} ${when}, tried ${state === 'ejected' ? 'last' : 'as any other'}: ${reason}`;
}

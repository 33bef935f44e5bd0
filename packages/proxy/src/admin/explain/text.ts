/** An explanation for a terminal. Pure. */
import type { ExplainedCandidate, ExplainedHop, ExplainedPlan, ExplainedStep } from '@isthmus/sdk/routing';
import type { ExplainReport, GatewayOutOfService } from './route.js';

const INDENT = '  ';
const VERDICT = { taken: '* taken', eligible: '+ eligible', 'passed-over': '- passed over' } as const;

export function explanationText(report: ExplainReport): string {
  const { from, to, local, steps, plan, gatewaysOutOfService } = report;
  return [
    `${from.uid} as ${from.identity} on network ${JSON.stringify(from.network)}`,
    ...(local ? [] : ['  (not a workload of this proxy: its own may know other records)']),
    `to ${to}`,
    '',
    ...steps.flatMap(stepLines),
    '',
    ...planLines(plan),
    ...gatewaysOutOfService.map(gatewayLine),
    '',
  ].join('\n');
}

function gatewayLine({ address, state, reason, since, worker }: GatewayOutOfService): string {
  const when = `since ${new Date(since).toISOString()}${worker === undefined ? '' : ` in worker ${worker}`}`;
  return `gateway ${address} ${state} ${when}, tried ${state === 'ejected' ? 'last' : 'as any other'}: ${reason}`;
}

function stepLines({ what, subject, outcome, candidates }: ExplainedStep): readonly string[] {
  return [`${what} ${subject}`, `${INDENT}-> ${outcome}`, ...candidates.map(candidateLine)];
}

function candidateLine({ uid, verdict, reason, share, addresses = [], network, capacity }: ExplainedCandidate): string {
  const odds = verdict === 'passed-over' ? '' : ` ${Math.round(share * 100)} %`;
  const where = addresses.length > 0 ? ` at ${addresses.join(', ')}` : '';
  const facts = network === undefined ? '' : ` (network ${JSON.stringify(network)}${where}, capacity ${capacity})`;
  return `${INDENT}${`${VERDICT[verdict]}${odds}`.padEnd(16)}${uid}${facts}: ${reason}`;
}

function planLines(plan: ExplainedPlan): readonly string[] {
  if (plan.kind === 'refuse') return [`plan refuse ${plan.fault}: ${plan.reason}`, `${INDENT}hint: ${plan.hint}`];
  const others = plan.kind === 'nested' ? plan.alternatives : [];
  return [
    `plan ${wayText(plan)}`,
    ...others.map((each, index) => `${INDENT}${index === 0 ? 'if that gateway fails' : 'then'}: ${wayText(each)}`),
  ];
}

function wayText(plan: ExplainedPlan): string {
  switch (plan.kind) {
    case 'refuse':
      return `refuse ${plan.fault}`;
    case 'direct':
      return `direct: TCP to ${plan.address}${plan.uid === undefined ? '' : ` (${plan.uid})`}`;
    case 'tunnel':
      return `tunnel to ${plan.via}: HBONE to ${hopText(plan.hop)}, CONNECT ${plan.authority}`;
    case 'nested':
      return `nested: HBONE to ${hopText(plan.outer)}, inside it HBONE with ${plan.innerExpected.join(' or ')}, CONNECT ${plan.authority}`;
  }
}

function hopText({ address, expected }: ExplainedHop): string {
  return `${address} that proves ${expected.join(' or ')}`;
}

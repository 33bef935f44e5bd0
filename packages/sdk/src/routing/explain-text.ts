/** An explanation for a terminal: the same words whoever was asked, a proxy or a control plane. Pure. */
import type { ExplainedCandidate, ExplainedHop, ExplainedPlan, ExplainedStep, Explanation } from './explain.js';

const INDENT = '  ';
const VERDICT = { taken: '* taken', eligible: '+ eligible', 'passed-over': '- passed over' } as const;

/** Lines; `notes` are what else there is to know of the one who would connect. */
export function explanationLines(
  { from, to, steps, plan }: Explanation,
  notes: readonly string[] = [],
): readonly string[] {
  return [
    `${from.uid} as ${from.identity} on network ${JSON.stringify(from.network)}`,
    ...notes.map((note) => `${INDENT}(${note})`),
    `to ${to}`,
    '',
    ...steps.flatMap(stepLines),
    '',
    ...planLines(plan),
  ];
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

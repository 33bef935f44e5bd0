/** The status page for people, and whether all is as it should be. Dates are texts, because it came as JSON. */
import type { ControlPlaneStatus } from '../app.js';
import { formatProblem } from '../schema/index.js';
import { columns } from './columns.js';

export interface StatusReport {
  readonly lines: readonly string[];
  /** Ready, every source and peer live, the CA's files usable, and no proxy refused what it was sent. */
  readonly isWell: boolean;
}

export function statusReport(status: ControlPlaneStatus): StatusReport {
  const { cluster, trustDomain, notReady, ca, sources, peers, proxies } = status;
  const isWell =
    notReady === undefined &&
    ca.problem === undefined &&
    sources.every(({ state }) => state === 'live') &&
    peers.every(({ state, problems }) => state === 'live' && problems.length === 0) &&
    proxies.every(({ types }) => types.every(({ state }) => state !== 'rejected'));
  const lines = [
    `cluster ${cluster}, trust domain ${trustDomain}: ${notReady ?? 'ready'}`,
    `CA ${ca.subject}, until ${String(ca.notAfter)}${ca.problem === undefined ? '' : `; ${ca.problem}`}`,
    ...section(
      ['ROOT', 'SUBJECT', 'UNTIL', 'SIGNS', 'FOLLOWERS TOLD', 'CERTIFICATES', 'THEIR LAST ENDS', 'LAST UNTOLD ENDS'],
      ca.roots.map((root) => [
        root.fingerprint.slice(0, 16),
        root.subject,
        String(root.notAfter),
        root.signs ? 'yes' : 'no',
        `${root.followers} of ${ca.followers}`,
        String(root.issued),
        moment(root.until),
        moment(root.untoldUntil),
      ]),
    ),
    ...section(
      ['TRUST DOMAIN', 'ROOTS'],
      ca.trust.length < 2 ? [] : ca.trust.map((each) => [each.trustDomain, String(each.roots)]),
    ),
    ...sourceSection(sources),
    ...peerSection(peers),
    ...proxySection(proxies),
  ];
  return { lines, isWell };
}

function sourceSection(sources: ControlPlaneStatus['sources']): readonly string[] {
  return section(
    ['SOURCE', 'NETWORK', 'STATE', 'GENERATION', 'PROBLEMS', 'FIRST OF THEM'],
    sources.map((each) => {
      const problems = [...each.problems, ...each.modelProblems];
      const [first] = problems.map(formatProblem);
      return [each.cluster, each.network, each.state, String(each.generation), String(problems.length), first ?? ''];
    }),
  );
}

function peerSection(peers: ControlPlaneStatus['peers']): readonly string[] {
  return section(
    ['PEER', 'NETWORK', 'STATE', 'AS OF', 'GENERATION', 'SERVICES', 'WORKLOADS', 'GATEWAYS', 'IT HAS OURS', 'NOTE'],
    peers.map((each) => [
      each.cluster,
      each.network,
      each.from === 'disk' ? `${each.state}, from disk` : each.state,
      each.state === 'live' ? 'now' : moment(each.asOf),
      String(each.generation),
      String(each.services),
      String(each.workloads),
      String(each.gateways),
      each.receives.flat().some(({ state }) => state === 'synced') ? 'yes' : 'no',
      [...each.problems, each.lastEnd, each.remedy].filter((text) => text !== undefined).join('; '),
    ]),
  );
}

function proxySection(proxies: ControlPlaneStatus['proxies']): readonly string[] {
  return section(
    ['PROXY', 'ROLE', 'VERSION', 'TYPE', 'STATE', 'ACKED', 'RESOURCES', 'NOTE'],
    proxies.flatMap(({ id, node, types }) =>
      types.map(({ typeUrl, state, sentNonce, ackedNonce, held, lastRejection }) => [
        id,
        node.role,
        node.version,
        typeUrl.slice(typeUrl.lastIndexOf('.') + 1),
        state,
        `${countOf(ackedNonce)} of ${countOf(sentNonce)}`,
        String(held),
        lastRejection?.reason ?? '',
      ]),
    ),
  );
}

/** Which response of its stream a nonce is of; they are counted over all types. */
function countOf(nonce: string): string {
  return nonce === '' ? '-' : nonce.slice(nonce.lastIndexOf('/') + 1);
}

function section(headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0 ? [] : ['', ...columns(headings, rows)];
}

function moment(ms: number | undefined): string {
  return ms === undefined ? '-' : new Date(ms).toISOString();
}

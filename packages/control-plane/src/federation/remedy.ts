/** What to do about a peer that cannot be reached, by what its connection ended with. Pure; words for people. */
import type { Peer } from './records.js';

interface Case {
  /** What the end says. */
  readonly says: RegExp;
  readonly remedy: (peer: Peer) => string;
}

const CASES: readonly Case[] = [
  {
    // The words are those of our own receivers, on the other side.
    says: /is no peer here|is no peer of this control plane|not issued under/,
    remedy: ({ cluster }) =>
      `it does not know this cluster (any more): "peer remove ${cluster}" here, and accept a new invitation`,
  },
  {
    says: /self.signed certificate|unable to (get|verify)|certificate (has expired|signature failure)|CERT_|it proves /i,
    remedy: ({ cluster, address }) =>
      `${address} does not prove to be ${cluster}: is something else there, or were all roots of its CA replaced at once? then "peer remove ${cluster}" here and there, and invite again`,
  },
  {
    says: /ENOTFOUND|EAI_AGAIN|Name resolution/,
    remedy: ({ address }) => `${address} cannot be resolved: check federation.address of that control plane, and DNS`,
  },
];

export function remedyFor(peer: Peer, end: string): string {
  const found = CASES.find(({ says }) => says.test(end));
  if (found) return found.remedy(peer);
  return `check that the control plane of ${peer.cluster} runs and that ${peer.address} is reached from here`;
}

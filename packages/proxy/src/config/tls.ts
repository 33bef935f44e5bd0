/** TLS by the settings: the policy of the process, what of it cannot be kept here, and what it does not promise. */
import { getFips } from 'node:crypto';
import { type Compliance, lackOf, type TlsPolicy } from '@isthmus/sdk/runtime';

export interface TlsSettings {
  readonly tls12: boolean;
  readonly compliancePolicy: Compliance | undefined;
}

export function tlsPolicyOf({ tls12, compliancePolicy: compliance }: TlsSettings): TlsPolicy {
  return { tls12, compliance };
}

/** Why this process must not start under these settings. */
export function tlsProblems(settings: TlsSettings): readonly string[] {
  const lack = lackOf(tlsPolicyOf(settings));
  return lack === undefined ? [] : [`COMPLIANCE_POLICY=${settings.compliancePolicy} cannot be kept: ${lack}`];
}

/** Restricting what is negotiated is not the same as a validated module; nobody is to believe it is. */
export function tlsNotices({ compliancePolicy }: TlsSettings, isFips = getFips() === 1): readonly string[] {
  if (compliancePolicy !== 'fips-140-2' || isFips) return [];
  const { node, openssl } = process.versions;
  return [
    `COMPLIANCE_POLICY=fips-140-2 restricts suites and groups; OpenSSL ${openssl} of Node ${node} is not in FIPS mode, which takes a validated provider and node --force-fips`,
  ];
}

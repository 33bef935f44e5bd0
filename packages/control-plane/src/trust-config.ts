/** The part of the configuration that says who is believed: our own CA, the roots of others, and tokens. */
import { path, section } from './config-fields.js';
import {
  duration,
  type Infer,
  identifier,
  list,
  maybe,
  optional,
  type Path,
  type Report,
  required,
  strictObject,
  string,
} from './schema/index.js';

const DAY_MS = 86_400_000;

const jwksUrl = string({
  type: 'https URL',
  test: isKeyUrl,
  expected:
    'an https URL, or an http URL of this host (127.0.0.1, [::1], localhost), without a password: it is shown in logs',
});
const account = string({
  type: 'namespace/account',
  test: (text) => /^[^/]+\/[^/]+$/.test(text),
  expected: 'namespace/account',
});

/** Keys that anybody on the way can replace would be no keys. */
function isKeyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  const isLoopback = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}

export const ca = strictObject({
  directory: required(
    path,
    "CA files in Istio's layout: `ca-cert.pem`, `ca-key.pem`, `cert-chain.pem`, `root-cert.pem`; watched.",
  ),
  workloadCertTtl: optional(duration, DAY_MS, 'Life of certificates when the request names none.'),
  maxWorkloadCertTtl: optional(duration, 90 * DAY_MS, 'Longest life that may be asked for.'),
  trustedNodeAccounts: optional(
    list(account),
    ['istio-system/ztunnel'],
    'Accounts that may have certificates of the workloads on their own node.',
  ),
});

const issuer = strictObject(
  {
    issuer: required(string(), 'Claim `iss` of further tokens that are believed: whoever signs them can be anyone.'),
    audience: maybe(string(), 'Claim `aud` of them, where it differs from `tokens.audience`.'),
    jwksFile: maybe(path, 'Their keys, as a JWKS; watched.'),
    jwksUrl: maybe(jwksUrl, 'Or where a JWKS is served; fetched again each 10 minutes, and for keys that it lacks.'),
    caFile: maybe(path, "With `jwksUrl`: roots of its server's certificate, PEM, where they are not public ones."),
  },
  ({ jwksFile, jwksUrl: url, caFile }, at, report) => {
    if ((jwksFile === undefined) === (url === undefined)) report(at, 'needs one of jwksFile and jwksUrl');
    if (caFile !== undefined && !url?.startsWith('https:')) report([...at, 'caFile'], 'is of a jwksUrl with https');
  },
);

export const tokens = section({
  issuer: optional(
    string(),
    'isthmus-control-plane',
    'Claim `iss` of tokens that `isthmus-control-plane token` makes.',
  ),
  audience: optional(string(), 'istio-ca', 'Claim `aud` of all tokens.'),
  keyFile: maybe(
    path,
    'ECDSA P-256 key, PEM; `isthmus-control-plane token` makes it. To serve, its public half is enough; of several keys the first signs and all verify. Watched. Needed unless `issuers` or `tokenReview` takes its place.',
  ),
  issuers: optional(list(issuer), []),
});

export const trustBundle = strictObject({
  trustDomain: required(
    identifier,
    'A trust domain whose workloads may connect and be connected to, besides those of peers.',
  ),
  file: required(path, 'Its roots, PEM, one or several; watched.'),
});

interface Trusting {
  readonly trustDomain: string;
  readonly trustBundles: readonly Infer<typeof trustBundle>[];
  readonly tokens: { readonly issuer: string; readonly issuers: readonly Infer<typeof issuer>[] };
  readonly ca: Infer<typeof ca>;
}

/** What only the whole can tell. */
export function checkTrust(
  { trustDomain, trustBundles, tokens: own, ca: { workloadCertTtl, maxWorkloadCertTtl } }: Trusting,
  at: Path,
  report: Report,
): void {
  const named = [own.issuer, ...own.issuers.map((each) => each.issuer)];
  for (const [index, each] of own.issuers.entries()) {
    if (named.indexOf(each.issuer) <= index)
      report([...at, 'tokens', 'issuers', index, 'issuer'], `${each.issuer} is the issuer of other tokens already`);
  }
  for (const [index, each] of trustBundles.entries()) {
    if (each.trustDomain === trustDomain)
      report(
        [...at, 'trustBundles', index, 'trustDomain'],
        'is the trust domain of this control plane, whose roots are in root-cert.pem of ca.directory',
      );
  }
  if (workloadCertTtl > maxWorkloadCertTtl)
    report([...at, 'ca', 'workloadCertTtl'], 'is longer than maxWorkloadCertTtl');
}

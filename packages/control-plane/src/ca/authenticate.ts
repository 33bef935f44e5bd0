/**
 * Who calls: the SPIFFE id of a verified client certificate, else of a bearer token. Neither is not guessed at. A
 * certificate that did not verify counts as none; TLS has told which ones did.
 */
import type { PeerCertificate } from 'node:tls';
import { formatSpiffeId, parseSpiffeId } from '@isthmus/sdk/wire';
import type { TokenVerifier } from './tokens.js';
import * as x509 from './x509.js';

export interface Caller {
  /** SPIFFE URI. */
  readonly identity: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly by: 'certificate' | 'token';
  /** From a token that is bound to a pod; where the caller runs. */
  readonly pod?: string;
  readonly node?: string;
}

export interface Credentials {
  /** Verified by TLS against the roots. */
  readonly certificate?: PeerCertificate | undefined;
  /** The value of the `authorization` header. */
  readonly authorization?: string | undefined;
}

export type Authenticated =
  | { readonly ok: true; readonly caller: Caller }
  /** What is missing or wrong, for the caller. */
  | { readonly ok: false; readonly reason: string };

export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Authenticated>;
}

export function createAuthenticator(tokens: TokenVerifier, trustDomain: string): Authenticator {
  return {
    async authenticate({ certificate, authorization }) {
      if (certificate) return fromCertificate(certificate, trustDomain);
      if (authorization === undefined) {
        return {
          ok: false,
          reason:
            'neither a client certificate of this mesh nor an authorization header with a Bearer token was presented',
        };
      }
      const [, token] = /^Bearer (.+)$/.exec(authorization) ?? [];
      if (token === undefined) return { ok: false, reason: 'the authorization header does not start with "Bearer "' };
      const verified = await tokens.verify(token);
      if (!verified.ok) return { ok: false, reason: `the token was refused: ${verified.reason}` };
      const { namespace, serviceAccount } = verified.subject;
      const identity = formatSpiffeId({ trustDomain, namespace, serviceAccount });
      return { ok: true, caller: { identity, by: 'token', ...verified.subject } };
    },
  };
}

function fromCertificate({ raw }: PeerCertificate, trustDomain: string): Authenticated {
  const names = new x509.X509Certificate(raw).getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const uris = names.filter(({ type }) => type === 'url').map(({ value }) => value);
  const [identity] = uris;
  const id = identity === undefined ? undefined : parseSpiffeId(identity);
  // More than one would leave open which one speaks (X.509-SVID section 2 allows exactly one).
  if (identity === undefined || !id || uris.length !== 1) {
    return { ok: false, reason: 'the client certificate does not carry exactly one SPIFFE workload identity' };
  }
  if (id.trustDomain !== trustDomain) {
    return {
      ok: false,
      reason: `the client certificate is of trust domain ${id.trustDomain}, this mesh is ${trustDomain}`,
    };
  }
  return {
    ok: true,
    caller: { identity, namespace: id.namespace, serviceAccount: id.serviceAccount, by: 'certificate' },
  };
}

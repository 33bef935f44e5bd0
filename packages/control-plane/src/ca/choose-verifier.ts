/**
 * Which of several verifiers a token is for: the one of its issuer, else the one that knows issuers which nobody told us.
 * The claim is not believed: it only says whom to ask, and a token passes by one verifier or not at all.
 */
import { decodeJwt } from 'jose';
import { MAX_TOKEN_BYTES, quote, type TokenVerifier } from './tokens.js';

export interface ChoiceInit {
  readonly byIssuer: ReadonlyMap<string, TokenVerifier>;
  readonly others?: TokenVerifier | undefined;
}

export function chooseVerifier({ byIssuer, others }: ChoiceInit): TokenVerifier {
  return {
    async verify(token) {
      if (token.length > MAX_TOKEN_BYTES) return { ok: false, reason: `longer than ${MAX_TOKEN_BYTES} bytes` };
      const issuer = issuerOf(token);
      const verifier = (issuer === undefined ? undefined : byIssuer.get(issuer)) ?? others;
      if (verifier) return verifier.verify(token);
      // With one verifier its own words say best what is wrong.
      const [only, ...more] = byIssuer.values();
      if (only && more.length === 0) return only.verify(token);
      const known = [...byIssuer.keys()].join(', ');
      return { ok: false, reason: `its issuer ${quote(issuer)} is not known here; known are ${known}` };
    },
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** What can go wrong between us and an API server, told once in words that name the remedy. */
import { decodeJwt } from 'jose';

export type FailureReason =
  /** The kubeconfig cannot be used: nothing was asked yet. */
  | 'credentials'
  | 'unauthorized'
  | 'untrusted'
  | 'unreachable'
  /** 429 and 503: as before, but later. */
  | 'busy'
  /** An answer other than these, most often a 5xx. */
  | 'unavailable'
  | 'forbidden'
  | 'notFound'
  /** 409: somebody else wrote it, or made it, meanwhile. */
  | 'conflict'
  /** 410: what we hold is too old to be continued from. */
  | 'gone'
  | 'malformed';

/** Of these every kind of object has its own; the others concern the API as a whole and are told once for all kinds. */
const OF_ONE_KIND: ReadonlySet<FailureReason> = new Set(['forbidden', 'notFound', 'conflict', 'gone', 'malformed']);

export class ApiFailure extends Error {
  readonly reason: FailureReason;
  /** From the answer's Retry-After; 0 when it has none. */
  readonly retryAfterMs: number;

  constructor(reason: FailureReason, message: string, retryAfterMs = 0) {
    super(message);
    this.name = 'ApiFailure';
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }

  get isOfOneKind(): boolean {
    return OF_ONE_KIND.has(this.reason);
  }
}

/** Whom an answer came from, and where the credentials are that it was asked with. */
export interface Asked {
  readonly server: string;
  /** `the kubeconfig /etc/isthmus/west.yaml`. */
  readonly origin: string;
  /** `list pods`. */
  readonly what: string;
  /** The RBAC rule that permits it. */
  readonly rule: string;
  readonly authorization: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Of an answer that is not 2xx. `text` is what the server says about it. */
export function failureOfStatus(status: number, text: string, asked: Asked, retryAfterMs = 0): ApiFailure {
  const { server, origin, what, rule } = asked;
  const said = `${status}${text === '' ? '' : `: ${text}`}`;
  if (status === 401) {
    const why = expiryOf(asked) ?? `it says ${said}`;
    return new ApiFailure('unauthorized', `${server} refuses the credentials (${why}); renew them in ${origin}`);
  }
  if (status === 403) {
    const remedy = `give the account of ${origin} the rule ${rule}`;
    return new ApiFailure('forbidden', `${server} does not let us ${what} (${said}); ${remedy}`);
  }
  if (status === 404) return new ApiFailure('notFound', `${server} cannot ${what}: it knows no such resource`);
  if (status === 409) return new ApiFailure('conflict', `${server} does not ${what} (${said})`);
  if (status === 410) return new ApiFailure('gone', `${server} cannot ${what} from where we were (${said})`);
  const message = `${server} does not ${what} (${said}); it is asked again until it does`;
  return new ApiFailure(status === 429 || status === 503 ? 'busy' : 'unavailable', message, retryAfterMs);
}

/** Of a request that got no answer. */
export function failureOfConnection(error: Error, { server, origin }: Asked): ApiFailure {
  const { code = '' } = error as NodeJS.ErrnoException;
  const why = code === '' || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
  return /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code)
    ? new ApiFailure('untrusted', `the certificate of ${server} is not trusted (${why}); correct the CA in ${origin}`)
    : new ApiFailure(
        'unreachable',
        `${server} cannot be reached (${why}); check the address in ${origin} and the network`,
      );
}

/** A token says itself when it expired; the server says only that it does not like it. */
function expiryOf({ authorization, now }: Asked): string | undefined {
  const token = /^Bearer (\S+)$/.exec(authorization?.trim() ?? '')?.[1];
  if (token === undefined) return undefined;
  try {
    const { exp } = decodeJwt(token);
    if (exp === undefined || exp * 1000 > now) return undefined;
    return `the token expired at ${new Date(exp * 1000).toISOString()}`;
  } catch {
    return undefined;
  }
}

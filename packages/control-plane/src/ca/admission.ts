/**
 * Authentication in front of every method: a call is read only after its caller has proved who it is, so that
 * strangers cannot make the server hold their messages.
 */
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Authenticator, Caller } from './authenticate.js';

export interface Refused {
  /** Of the method. */
  readonly path: string;
  readonly peer: string;
  readonly reason: string;
}

export interface Admission {
  readonly interceptor: ServerInterceptor;
  /** Of a call that has reached its handler, by the metadata it came with. */
  callerOf(metadata: Metadata): Caller;
}

export function createAdmission(authenticator: Authenticator, onRefused: (refused: Refused) => void): Admission {
  const callers = new WeakMap<Metadata, Caller>();

  const interceptor: ServerInterceptor = ({ path }, call) => {
    const refuse = (reason: string) => {
      onRefused({ path, peer: call.getPeer(), reason });
      call.sendStatus({ code: status.UNAUTHENTICATED, details: reason });
    };
    const onReceiveMetadata = (metadata: Metadata, admit: (metadata: Metadata) => void) => {
      const credentials = {
        certificate: call.getAuthContext().sslPeerCertificate,
        authorization: metadata.get('authorization')[0]?.toString(),
      };
      authenticator.authenticate(credentials).then(
        (result) => {
          if (!result.ok) return refuse(result.reason);
          callers.set(metadata, result.caller);
          admit(metadata);
        },
        // Whatever went wrong: nobody was authenticated.
        (error: unknown) => refuse(`authentication failed: ${error instanceof Error ? error.message : String(error)}`),
      );
    };
    return new ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata }) });
  };

  return {
    interceptor,
    callerOf(metadata) {
      const caller = callers.get(metadata);
      if (!caller) throw new Error('a call reached its handler without being authenticated');
      return caller;
    },
  };
}

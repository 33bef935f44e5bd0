/**
 * Certificates of the workloads a process stands for: asked for before the first connection needs them, dropped when the
 * workload has left.
 */
import type { Workload } from '@isthmus/sdk/discovery';
import type { CertificateManager } from '@isthmus/sdk/identity';
import { identityOf } from '@isthmus/sdk/routing';

/** Call after each change of the local workloads. */
export type KeepCertificates = (locals: readonly Workload[]) => void;

export function keepCertificates(manager: Pick<CertificateManager, 'certificate' | 'forget'>): KeepCertificates {
  let kept: ReadonlySet<string> = new Set();
  return (locals) => {
    const wanted = new Set(locals.map(identityOf));
    for (const identity of kept) if (!wanted.has(identity)) manager.forget(identity);
    for (const identity of wanted) {
      // The manager logs a failure and tries again by itself; who needs the certificate gets the reason.
      if (!kept.has(identity)) manager.certificate(identity).catch(() => {});
    }
    kept = wanted;
  };
}

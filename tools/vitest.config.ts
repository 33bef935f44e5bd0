import shared from '../vitest.shared.ts';

// Without 'module': what OpenTelemetry has under it, a peer of the benchmarks, has imports that Node cannot resolve.
const conditions = ['@isthmus/source', 'node'];

export default { ...shared, resolve: { conditions }, ssr: { resolve: { conditions } } };

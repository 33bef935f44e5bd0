export { type CaClientInit, type CertificateAuthority, type CertificateRequest, createCaClient } from './ca-client.js';
export { type CertificateTerms, type IssuedChain, readIssuedChain } from './certificate.js';
export {
  type CertificateManager,
  type CertificateManagerInit,
  createCertificateManager,
  type IssuedCredential,
} from './certificate-manager.js';
export { createSigningRequest, type SigningRequest } from './csr.js';
export {
  findRevoked,
  parseRevocationLists,
  type RevocationList,
  type Revocations,
} from './revocation.js';
export { type RevocationFileInit, watchRevocationFile } from './revocation-file.js';
export { spiffeUrisOf } from './spiffe-san.js';
export { WORKLOAD_TLS, workloadTls } from './tls-parameters.js';
export { createTrust, type PeerTrust, type Proven, type Trust, type TrustBundles } from './trust.js';
export { parseTrustBundle, splitPem, type TrustBundle } from './trust-bundle.js';
export { followTrustBundles, type TrustClientInit } from './trust-client.js';
export { writeBundles } from './trust-message.js';
export type { CertificateSource, CertificateStatus, WorkloadCertificate } from './types.js';

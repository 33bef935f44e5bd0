export { type Admission, createAdmission, type Refused } from './admission.js';
export { type Authenticated, type Authenticator, type Caller, createAuthenticator } from './authenticate.js';
export { type AuthorizeInit, authorize, type Workplace } from './authorize.js';
export { CACERTS, type CaMaterial, loadCacerts } from './cacerts.js';
export { isCaCertificate } from './certificates.js';
export { chooseVerifier } from './choose-verifier.js';
export { createIssuer, type Issuer } from './issuer.js';
export { createJwtVerifier } from './jwt-verifier.js';
export { type KeySet, localKeySet, readJwks, remoteKeySet } from './key-sets.js';
export { generateKey, isReadableByOthers, readPrivateKey, writePrivateKey } from './keys.js';
export { createLedger, type Ledger } from './ledger.js';
export { type MadeCacerts, makeCacerts } from './make-cacerts.js';
export { type RootStatus, rootStatuses } from './root-status.js';
export { addRoot, describeRoots, dropRoot, type RootFacts, switchCa } from './rotate-cacerts.js';
export { type CaEvent, createCertificateHandler } from './service.js';
export { createServing } from './serving.js';
export { type CaStore, createCaStore } from './store.js';
export { createReviewVerifier } from './token-review.js';
export {
  issueToken,
  readTokenKeys,
  type TokenSubject,
  type TokenVerifier,
  withNewKey,
  withoutOldKeys,
} from './tokens.js';
export { createTrustFeed, type ForeignBundle, mergeBundles, readRoots, type TrustFeed } from './trust-feed.js';
export { createTrustService, type TrustCall, type TrustFollower, type TrustService } from './trust-service.js';

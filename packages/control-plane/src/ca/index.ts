export { type Authenticated, type Authenticator, type Caller, createAuthenticator } from './authenticate.js';
export { type AuthorizeInit, authorize, type Workplace } from './authorize.js';
export { CACERTS, type CaMaterial, loadCacerts } from './cacerts.js';
export { createIssuer, type Issuer } from './issuer.js';
export { generateKey, isReadableByOthers, readPrivateKey, writePrivateKey } from './keys.js';
export { type MadeCacerts, makeCacerts } from './make-cacerts.js';
export { type CaEvent, createCertificateHandler } from './service.js';
export { createServing, type Serving } from './serving.js';
export { createTokenVerifier, issueToken, type TokenVerifier } from './tokens.js';

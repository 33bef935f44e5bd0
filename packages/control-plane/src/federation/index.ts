export { type FederationEvent, REJECTIONS, type Rejection } from './events.js';
export { acceptInvitation } from './exchange.js';
export { createFederation, type Federation, type PeerStatus } from './federation.js';
export { fingerprintsOf } from './identity.js';
export { formatInvitation, type Invitation, type Peer, parseInvitation } from './records.js';
export { createSavedImports } from './saved/index.js';
export { createPeerJudge, judgeRecord, type PeerScope, type PeerVerdict } from './scope.js';
export { createFederationState } from './state.js';
export { whyNotOfTrustDomain } from './trust-domains.js';

export { acceptInvitation } from './exchange.js';
export { createFederation, type Federation, type PeerStatus } from './federation.js';
export { fingerprintsOf } from './identity.js';
export { formatInvitation, type Invitation, type Peer, parseInvitation } from './records.js';
export { createFederationState } from './state.js';

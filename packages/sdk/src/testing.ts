/** What tests of a mesh need: time they own, and certificates like those of a mesh CA. Not for production. */
export {
  createTestAuthority,
  type IssueOptions,
  type PemIdentity,
  type TestAuthority,
  type TestAuthorityInit,
} from './testing/test-authority.js';
export { createVirtualClock, type VirtualClock } from './testing/virtual-clock.js';

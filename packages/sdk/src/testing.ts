/** What tests of a mesh need: time they own, certificates like those of a mesh CA, records. Not for production. */
export { createTestService, createTestWorkload } from './testing/records.js';
export {
  createTestAuthority,
  type IssueOptions,
  type PemIdentity,
  type TestAuthority,
  type TestAuthorityInit,
} from './testing/test-authority.js';
export { createVirtualClock, type VirtualClock } from './testing/virtual-clock.js';

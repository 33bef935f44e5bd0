import { expect, it } from 'vitest';
import { formatInvitation, parseInvitation } from '../../src/federation/index.js';

const INVITATION = {
  cluster: 'east',
  address: 'cp.east.example:15013',
  fingerprints: ['a7f5c49a49357ef39e60d23abb8422666454342fda112da0a4ad3ebb7d3f5fd7'],
  id: '0123456789abcdef',
  secret: 'c2VjcmV0',
};

it('an invitation is read as it was written, with the newline it was pasted with', () => {
  expect(parseInvitation(`${formatInvitation(INVITATION)}\n`)).toEqual(INVITATION);
});

it.each([
  ['is cut off', formatInvitation(INVITATION).slice(0, -9), /the invitation is no JSON; copy the whole word/],
  ['is another word', 'east', /this is no invitation: "isthmus-control-plane peer invite" prints one/],
])('an invitation that %s is refused with what to do', (_, text, problem) => {
  expect(() => parseInvitation(text)).toThrow(problem);
});

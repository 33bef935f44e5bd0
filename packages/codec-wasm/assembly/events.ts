/**
 * What wasm tells the host: fields of a header block, members of a baggage header, and the numbers of the rules a peer
 * can break. src/abi.ts and src/errors.ts repeat the numbers; a test holds them together.
 */

/** Outcome of a block: field count, refused, the authority's pointer and length. */
export const RESULT_COUNT = 0;
export const RESULT_REFUSED = 4;
export const RESULT_AUTHORITY = 8;
export const RESULT_AUTHORITY_LENGTH = 12;
/** Of `readConnect`: kind, IPv4 address, port, the host's pointer and length; f64 peer id. */
export const RESULT_KIND = 16;
export const RESULT_IPV4 = 20;
export const RESULT_PORT = 24;
export const RESULT_HOST = 28;
export const RESULT_HOST_LENGTH = 32;
export const RESULT_PEER = 40;

/** Field: index registered for the name or -1, pointer, name length, value length; the value follows the name. */
export const FIELD_SIZE: usize = 16;

/** Baggage: malformed, unused; then per key pointer and length, which is 0 for one that is absent or empty. */
export const BAGGAGE_MALFORMED = 0;
export const BAGGAGE_VALUES = 8;
/** Set in a value's length when it was percent-encoded and so may hold UTF-8. */
export const BAGGAGE_UNESCAPED = 0x40000000;

// Rules a peer can break in a header block. Meaning, HTTP/2 code and RFC section of each: src/errors.ts.
export const HPACK_TRUNCATED = 33;
export const HPACK_INTEGER = 34;
export const HPACK_INDEX = 35;
export const HPACK_HUFFMAN_PADDING = 36;
export const HPACK_HUFFMAN_EOS = 37;
export const HPACK_TABLE_UPDATE_LATE = 38;
export const HPACK_TABLE_UPDATE_TOO_LARGE = 39;
export const HPACK_TABLE_UPDATE_MISSING = 40;
export const FIELD_NAME_INVALID = 41;
export const FIELD_VALUE_INVALID = 42;
export const FIELD_CONNECTION_SPECIFIC = 43;
export const PSEUDO_INVALID = 44;
export const PSEUDO_REPEATED = 45;
export const PSEUDO_AFTER_REGULAR = 46;
export const REQUEST_INCOMPLETE = 47;
export const CONNECT_WITH_TARGET = 48;
export const HEADER_LIST_TOO_LARGE = 49;

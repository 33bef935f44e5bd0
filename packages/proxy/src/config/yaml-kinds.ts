/** Settings and files that are YAML: the mesh's ProxyConfig, and a local mesh with its tagged matchers. */
import { type CollectionTag, parse, type ScalarTag } from 'yaml';
import { type Kind, Refusal } from './kinds.js';

/** The part of Istio's ProxyConfig that a proxy without Envoy has a use for. */
export interface ProxyConfig {
  readonly discoveryAddress: string | undefined;
  /** Keys without their ISTIO_META_ prefix. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of all fields that were given. */
  readonly fields: readonly string[];
}

/** Other fields are Envoy's or the injector's and are passed over, as ztunnel does. */
export const proxyConfig: Kind<ProxyConfig> = {
  name: 'YAML',
  allowed: 'a ProxyConfig in YAML or JSON, of which discoveryAddress and proxyMetadata count',
  parse(text) {
    const value = yaml(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refusal('is no mapping');
    const { discoveryAddress, proxyMetadata = {} } = value as Readonly<Record<string, unknown>>;
    if (discoveryAddress !== undefined && typeof discoveryAddress !== 'string') {
      throw new Refusal('has a discoveryAddress that is no text');
    }
    return { discoveryAddress, metadata: metadataOf(proxyMetadata), fields: Object.keys(value) };
  },
};

function metadataOf(given: unknown): Readonly<Record<string, string>> {
  if (typeof given !== 'object' || given === null) throw new Refusal('has a proxyMetadata that is no mapping');
  const entries = Object.entries(given);
  if (!entries.every(([, value]) => typeof value === 'string')) {
    throw new Refusal('has a proxyMetadata with a value that is no text; put it in quotes');
  }
  return Object.fromEntries(entries.map(([name, value]) => [name.replace(/^ISTIO_META_/, ''), value as string]));
}

function yaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new Refusal(`is not YAML: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
  }
}

/** ztunnel writes matchers of text as tags; readers get `{ Exact: 'x' }`, and `{ Presence: [] }`. */
const MATCHERS: readonly (ScalarTag | CollectionTag)[] = [
  ...['Exact', 'Prefix', 'Suffix'].map((name) => ({ tag: `!${name}`, resolve: (text: string) => ({ [name]: text }) })),
  { tag: '!Presence', collection: 'seq', resolve: () => ({ Presence: [] }) },
];

/**
 * Throws a readable error with line and column. An unknown tag is passed over and leaves a bare text, which no field for
 * matchers takes. Aliases expand to at most 100 times the text (a bound of `yaml`).
 */
export function parseLocalMesh(text: string): unknown {
  return parse(text, { customTags: (tags) => [...tags, ...MATCHERS], logLevel: 'error' });
}

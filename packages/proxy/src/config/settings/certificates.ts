/** Settings: how this proxy comes by its certificates, and whose it no longer believes. */
import { duration, serverAddress, share, text } from '../kinds.js';
import { type RootSource, rootSource, type TokenSource, tokenSource } from '../pem-source.js';
import { type SettingTable, setting } from '../table.js';

export const CERTIFICATES = {
  caAddress: setting<string | undefined>({
    env: ['CA_ADDRESS'],
    kind: serverAddress,
    default: undefined,
    defaultText: 'XDS_ADDRESS or its default',
    doc: 'The certificate service, as [https://]host:port.',
  }),
  altCaHostname: setting<string | undefined>({
    env: ['ALT_CA_HOSTNAME'],
    kind: text,
    default: undefined,
    doc: 'Another name the certificate service may prove, besides the host of CA_ADDRESS. Headers: each CA_HEADER_NAME=value is sent with every call to it.',
  }),
  caRootCa: setting<RootSource | undefined>({
    env: ['CA_ROOT_CA'],
    kind: rootSource,
    default: undefined,
    defaultText: 'XDS_ROOT_CA',
    doc: 'Roots the certificate service is verified against.',
  }),
  authToken: setting<TokenSource | undefined>({
    env: ['AUTH_TOKEN'],
    kind: tokenSource,
    default: undefined,
    secret: true,
    defaultText: './var/run/secrets/tokens/istio-token if it exists',
    doc: 'Bearer token that proves to the control plane who this proxy is; a file is read again for every use.',
  }),
  secretTtlMs: setting<number>({
    env: ['SECRET_TTL'],
    kind: duration,
    default: 86_400_000,
    defaultText: '24h',
    doc: 'Lifetime asked for workload certificates; the CA may grant less.',
  }),
  secretGracePeriodRatio: setting<number>({
    env: ['SECRET_GRACE_PERIOD_RATIO'],
    kind: share,
    default: 0.5,
    doc: "The share of its life that a certificate has left when the next one is asked for; istio-agent's name and default. The CA may be away for that long before anybody notices.",
  }),
  crlPath: setting<string | undefined>({
    env: ['CRL_PATH'],
    kind: text,
    default: undefined,
    doc: 'File of certificate revocation lists, PEM or DER. Read again when it changes; certificates on it are refused and connections they opened are closed. A missing or broken file revokes nothing new and is warned about.',
  }),
} satisfies SettingTable;

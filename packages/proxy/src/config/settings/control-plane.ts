/** Settings: where the mesh is learned from. */
import { existingFile, flag, serverAddress, text } from '../kinds.js';
import { type RootSource, rootSource } from '../pem-source.js';
import { type SettingTable, setting } from '../table.js';
import { type ProxyConfig, proxyConfig } from '../yaml-kinds.js';

export const CONTROL_PLANE = {
  xdsAddress: setting<string | undefined>({
    env: ['XDS_ADDRESS'],
    kind: serverAddress,
    default: undefined,
    defaultText:
      'none with LOCAL_XDS_PATH or LOCAL_XDS, else what PROXY_CONFIG says, https://istiod.istio-system.svc:15012 in Kubernetes, else https://localhost:15012',
    doc: "The control plane's discovery service, as [https://]host:port.",
  }),
  xdsOnDemand: setting<boolean>({
    env: ['XDS_ON_DEMAND'],
    kind: flag,
    default: false,
    doc: 'Ask the control plane for destinations one by one, when a connection needs them, instead of holding the whole mesh. For ztunnels. A destination that is not answered within 5 s is refused, not passed through.',
  }),
  localXdsPath: setting<string | undefined>({
    env: ['LOCAL_XDS_PATH'],
    kind: existingFile,
    default: undefined,
    doc: "A file with the mesh, in ztunnel's YAML format: workloads, services, policies. Read again when it changes; a text with a mistake is not used, the last good one stays. It takes the place of the control plane unless XDS_ADDRESS is set too; certificates still come from CA_ADDRESS.",
  }),
  localXds: setting<string | undefined>({
    env: ['LOCAL_XDS'],
    kind: text,
    default: undefined,
    doc: 'The same as text instead of a file.',
  }),
  proxyConfig: setting<ProxyConfig | undefined>({
    env: ['PROXY_CONFIG'],
    kind: proxyConfig,
    default: undefined,
    doc: "Istio's ProxyConfig. discoveryAddress counts where XDS_ADDRESS is not set, proxyMetadata is added to the xDS node's metadata. ISTIO_META_NAME=value and ISTIO_METAJSON_NAME=json are added too, and come before it.",
  }),
  altXdsHostname: setting<string | undefined>({
    env: ['ALT_XDS_HOSTNAME'],
    kind: text,
    default: undefined,
    doc: 'Another name the discovery service may prove, besides the host of XDS_ADDRESS. Headers: each XDS_HEADER_NAME=value is sent with every call to it.',
  }),
  xdsRootCa: setting<RootSource | undefined>({
    env: ['XDS_ROOT_CA'],
    kind: rootSource,
    default: undefined,
    defaultText: './var/run/secrets/istio/root-cert.pem',
    doc: 'Roots the discovery service is verified against.',
  }),
} satisfies SettingTable;

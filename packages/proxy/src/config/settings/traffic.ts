/** Settings: how connections come in and whether they may, besides what the control plane says. */
import { flag, listOf, oneOf } from '../kinds.js';
import { type SettingTable, setting } from '../table.js';
import {
  type OutboundListener,
  outboundListener,
  type PlaintextTarget,
  plaintextTarget,
  type ServicePattern,
  type Socks5Listener,
  servicePattern,
  socks5Listener,
} from '../workloads.js';

export const TRAFFIC = {
  enableSocks5: setting<boolean>({
    env: ['UNSTABLE_ENABLE_SOCKS5'],
    kind: flag,
    default: false,
    doc: "ztunnel's switch: in dedicated mode, opens the SOCKS5 listener 127.0.0.1:15080 when SOCKS5_LISTENERS names none.",
  }),
  socks5Listeners: setting<readonly Socks5Listener[]>({
    env: ['SOCKS5_LISTENERS'],
    kind: listOf(socks5Listener),
    default: [],
    doc: "SOCKS5 entries, one per workload. Loopback only: whoever reaches the listener speaks with that workload's identity.",
  }),
  outboundListeners: setting<readonly OutboundListener[]>({
    env: ['OUTBOUND_LISTENERS'],
    kind: listOf(outboundListener),
    default: [],
    doc: 'Listeners that lead to one service each, for applications that speak no SOCKS5. Loopback only, for the same reason.',
  }),
  interceptionMode: setting<'NONE' | 'REDIRECT' | 'TPROXY'>({
    env: ['INTERCEPTION_MODE'],
    kind: oneOf('NONE', 'REDIRECT', 'TPROXY'),
    default: 'NONE',
    doc: 'How the kernel leads connections to this ztunnel, if it does: to 15001 outbound and 15006 inbound, by the rules that `isthmus-proxy rules` prints. REDIRECT asks for the original destination (koffi, or the conntrack table); TPROXY needs transparent listeners, its own (koffi, CAP_NET_ADMIN) or handed over as by systemd (LISTEN_FDS).',
  }),
  exportedServices: setting<readonly ServicePattern[] | undefined>({
    env: ['EXPORTED_SERVICES'],
    kind: listOf(servicePattern),
    default: undefined,
    defaultText: 'all that our control plane, or a local mesh, tells of; nothing under another control plane',
    doc: 'East-west gateway: the services that other networks may reach through it, out of those that it is told of. Our control plane tells a gateway of exported services only, so this is not needed; istiod tells of all, whatever istio.io/global says.',
  }),
  requireWaypoint: setting<boolean>({
    env: ['REQUIRE_WAYPOINT'],
    kind: flag,
    default: false,
    doc: 'Refuse (401) whoever calls a workload directly that has a waypoint, or whose services all have one, and is none of these waypoints; plaintext included. Off by default, because ingress gateways of Istio go around waypoints unless told otherwise (istio.io/ingress-use-waypoint).',
  }),
  authzPolicyInfoLogging: setting<boolean>({
    env: ['AUTHZ_POLICY_INFO_LOGGING'],
    kind: flag,
    default: false,
    doc: 'What a dry-run policy would have done is logged at info, not at debug.',
  }),
  localhostAppTunnel: setting<boolean>({
    env: ['LOCALHOST_APP_TUNNEL'],
    kind: flag,
    default: true,
    doc: 'An application that asks for the PROXY protocol is connected to on loopback, where nobody else can pretend to be its proxy. In dedicated mode only: a shared proxy connects to its address.',
  }),
  inboundPlaintextTargets: setting<readonly PlaintextTarget[]>({
    env: ['INBOUND_PLAINTEXT_TARGETS'],
    kind: listOf(plaintextTarget),
    default: [],
    doc: "The application port that plaintext arriving on <workload ip>:15006 goes to when INTERCEPTION_MODE is NONE: then the original port is not known. If unset, the workload's only target port is taken, and with several the connection is refused.",
  }),
} satisfies SettingTable;

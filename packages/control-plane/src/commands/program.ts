/** The command line: names, options, help. What commands do is in their own files. */
import { Command } from 'commander';
import { settingRows } from '../config.js';
import {
  type AddRootOptions,
  addRootTo,
  type CacertsOptions,
  type CaOptions,
  cacerts,
  type DropRootOptions,
  dropRootFrom,
  type SwitchOptions,
  showRoots,
  switchTo,
} from './cacerts.js';
import type { Streams } from './output.js';
import { addPeer, type InviteOptions, invite, listPeers, type PeerOptions, removePeer } from './peer.js';
import { type ServeOptions, serve } from './serve.js';
import {
  type DropTokenKeysOptions,
  dropTokenKeys,
  issueTokenFor,
  rotateTokenKey,
  type TokenKeyOptions,
  type TokenOptions,
} from './token.js';
import { type ValidateOptions, validate } from './validate.js';

export function createProgram(version: string, streams: Streams): Command {
  const program = new Command('isthmus-control-plane')
    .description('The control plane of an Isthmus mesh: Kubernetes objects in; delta xDS and certificates out.')
    .version(version)
    .addHelpText('after', '\nExit codes: 0 done, 1 not done. DEBUG=1 prints the stack of an unexpected error.')
    .showHelpAfterError('(add --help for the options)');
  addServe(program, streams);
  addValidate(program, streams);
  addToken(program, streams);
  addCacerts(program, streams);
  addPeers(program, streams);
  return program;
}

const JSON_OPTION = ['--json', 'print results as JSON'] as const;

function addServe(program: Command, streams: Streams): void {
  program
    .command('serve')
    .description('serve proxies until SIGTERM')
    .requiredOption('--config <file>', 'configuration, YAML')
    .option('--json', 'print problems of the configuration as JSON')
    .addHelpText('after', () => `\nSettings:\n${settingRows().map(helpRow).join('\n')}`)
    .action((options: ServeOptions) => serve(options, streams));
}

function helpRow({ name, type, default: fallback, doc }: ReturnType<typeof settingRows>[number]): string {
  const given = fallback === undefined ? 'required' : `default ${fallback}`;
  return `  ${name} (${type}; ${given})\n      ${doc}`;
}

function addValidate(program: Command, streams: Streams): void {
  program
    .command('validate')
    .description('print all problems of directories of Kubernetes YAML; exit code 1 when there are errors')
    .argument('<directory...>', 'one directory per cluster')
    .option('--cluster-domain <domain>', 'DNS suffix of Services', 'cluster.local')
    .option(...JSON_OPTION)
    .action((directories: readonly string[], options: ValidateOptions) => validate(directories, options, streams));
}

function addToken(program: Command, streams: Streams): void {
  const token = program
    .command('token')
    .description('tokens by which workloads and proxies prove who they are, and the key that signs them');
  const command = (name: string, description: string, isDefault = false) =>
    token
      .command(name, { isDefault })
      .description(description)
      .option('--config <file>', 'take key, issuer and audience from the configuration of serve')
      .option('--key-file <file>', 'ECDSA P-256 key, PEM')
      .option(...JSON_OPTION);
  command('issue', 'issue a token; makes the key when there is none', true)
    .option('--issuer <text>', 'claim iss')
    .option('--audience <text>', 'claim aud')
    .requiredOption('--namespace <name>', 'namespace of the service account')
    .requiredOption('--service-account <name>', 'service account')
    .option('--pod <name>', 'pod the token is bound to')
    .option('--node <name>', 'node of that pod; a node proxy may ask for certificates of workloads on it')
    .option('--ttl <duration>', 'life of the token', '24h')
    .option('--out <file>', 'write the token to a file, mode 0600')
    .action((options: TokenOptions) => issueTokenFor(options, streams));
  command('rotate-key', 'sign with a new key; those before still verify').action((options: TokenKeyOptions) =>
    rotateTokenKey(options, streams),
  );
  command('drop-keys', 'keep the key that signs only: tokens of those before are refused')
    .option('--longest-life <duration>', 'of the tokens that were issued', '24h')
    .option('--force', 'even where tokens of those before still count')
    .action((options: DropTokenKeysOptions) => dropTokenKeys(options, streams));
}

function addCacerts(program: Command, streams: Streams): void {
  const ca = program
    .command('cacerts')
    .description("the CA of one cluster, in Istio's layout, and the rotation of its root: add-root, switch, drop-root");
  ca.command('make', { isDefault: true })
    .description('make a CA; clusters that share a root trust each other')
    .requiredOption('--out <directory>', 'where the files go')
    .option('--root <directory>', 'where the root is, or is made (default: "root" next to --out)')
    .requiredOption('--cluster <id>', 'cluster the CA is for')
    .option('--trust-domain <domain>', 'trust domain', 'cluster.local')
    .option(...JSON_OPTION)
    .action((options: CacertsOptions) => cacerts(options, streams));
  ca.command('show')
    .description('print the roots of a CA and what of a rotation is on record')
    .option(...CA_OPTION)
    .option(...CA_CONFIG_OPTION)
    .option(...JSON_OPTION)
    .action((options: CaOptions) => showRoots(options, streams));
  addRotation(ca, streams);
}

const CA_OPTION = ['--ca <directory>', 'the files of the CA'] as const;
const CA_CONFIG_OPTION = [
  '--config <file>',
  'or: configuration of serve, for ca.directory and ca.maxWorkloadCertTtl',
] as const;

function addRotation(ca: Command, streams: Streams): void {
  const step = (name: string, description: string) =>
    ca
      .command(name)
      .description(description)
      .option(...CA_OPTION)
      .option(...CA_CONFIG_OPTION)
      .option('--longest-life <duration>', 'that a certificate may have (default: ca.maxWorkloadCertTtl, or 2160h)')
      .option('--force', 'even where connections may break')
      .option(...JSON_OPTION);
  step('add-root', 'first step: a further root is trusted')
    .requiredOption('--root <directory>', 'where the new root is (root-cert.pem), or is made')
    .option('--trust-domain <domain>', 'trust domain, where it is made', 'cluster.local')
    .action((options: AddRootOptions) => addRootTo(options, streams));
  step('switch', 'second step: certificates are signed below another root')
    .option('--root <directory>', 'a root with its key; a CA is made below it')
    .option('--from <directory>', 'or a CA that was made elsewhere, in the same layout')
    .option('--cluster <id>', 'cluster the CA is for; with --root')
    .option('--trust-domain <domain>', 'trust domain; with --root', 'cluster.local')
    .action((options: SwitchOptions) => switchTo(options, streams));
  step('drop-root', 'third step: the root before is trusted no longer')
    .requiredOption('--fingerprint <sha256>', 'of the root, or how it begins; "cacerts show" prints it')
    .action((options: DropRootOptions) => dropRootFrom(options, streams));
}

function addPeers(program: Command, streams: Streams): void {
  const peer = program.command('peer').description('join control planes of other clusters, without their credentials');
  const command = (name: string, description: string) =>
    peer
      .command(name)
      .description(description)
      .requiredOption('--config <file>', 'configuration of serve, with "federation"')
      .option(...JSON_OPTION);
  command('invite', 'print an invitation for one peer; it is a secret until it is used')
    .option('--ttl <duration>', 'how long it counts', '1h')
    .action((options: InviteOptions) => invite(options, streams));
  command('add', 'accept an invitation; the control plane that made it has to be running')
    .argument('<invitation>', 'what "peer invite" printed there')
    .action((invitation: string, options: PeerOptions) => addPeer(invitation, options, streams));
  command('list', 'print the peers').action((options: PeerOptions) => listPeers(options, streams));
  command('remove', 'end it: its workloads and streams are gone at once')
    .argument('<cluster>', 'id of the peer')
    .action((cluster: string, options: PeerOptions) => removePeer(cluster, options, streams));
}

import type { Command } from 'commander';
import type { ConflictsAnswer, ManifestsAnswer, PeerRow, PeersAnswer, TokenAnswer, VersionAnswer } from '../../protocol/answers.ts';
import { CONFIRMED_DEAD_ANNOTATION, majorityOf } from '../../protocol/leases.ts';
import { humanDuration } from '../../protocol/values/duration.ts';
import { contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { formatColumns } from '../output/columns.ts';
import { jsonOutput } from '../output/json-output.ts';
import { seconds } from '../time-limit.ts';
import { requireUserName } from './user.ts';

export function addPeers(program: Command, terminal: Terminal): void {
  program
    .command('peers')
    .description('Show the members as the asked peer sees them: alive or not, since when, who leads, how far behind')
    .addOption(jsonOutput())
    .option('-w, --watch', 'show again when something changes')
    .addHelpText('after', '\nExamples:\n  kith peers\n  kith --socket /run/kith/kith.sock peers -w')
    .action(async (options: { output?: string; watch?: boolean }, command: Command) => peers(contextOf(command, terminal), options));
}

/** How often `peers -w` looks. */
const WATCH_INTERVAL_MS = 500;

async function peers(context: CliContext, options: { output?: string; watch?: boolean }): Promise<void> {
  let before = '';
  do {
    const answer = await context.client.get<PeersAnswer>('/kith.dev/v1/peers');
    const text = options.output === 'json' ? `${JSON.stringify(answer, null, 2)}\n` : peersText(answer);
    const shape = JSON.stringify(answer.peers.map((peer) => [peer.peer, peer.state, peer.leader, peer.connected, peer.behind]));
    if (shape !== before) context.terminal.out(text);
    before = shape;
    if (options.watch) await pause(WATCH_INTERVAL_MS, context.terminal.signal);
  } while (options.watch && !context.terminal.signal.aborted);
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
  });
}

export function peersText(answer: PeersAnswer): string {
  const sorted = [...answer.peers].sort((left, right) => (left.node < right.node ? -1 : 1));
  const rows = sorted.map((row) => peerCells(row, answer));
  const table = formatColumns(['Node', 'State', 'For', 'Leader', 'Votes', 'Round-trip', 'Behind', 'Address', 'Peer'], rows);
  if (answer.removed)
    return `This host was removed from the cluster. To bring it back, start kithd with an empty --data-dir and --join TOKEN.\n`;
  const note = answer.complete
    ? ''
    : 'This peer is still fetching the state of the cluster: it starts what is bound to it and decides nothing.\n';
  return table + note;
}

function peerCells(row: PeerRow, answer: PeersAnswer): string[] {
  const own = row.peer === answer.self;
  const votes = answer.electorate?.members.includes(row.peer) === true ? 'yes' : '';
  const roundTrip = own ? '-' : row.roundTripMs === undefined ? '<unknown>' : `${row.roundTripMs.toFixed(1)}ms`;
  const behind = own ? '-' : row.behind === undefined ? '<unknown>' : String(row.behind);
  const state = own ? `${row.state} (asked)` : row.state === 'alive' && !row.connected ? 'alive (not connected)' : row.state;
  return [row.node, state, humanDuration(row.forMs), row.leader ? 'yes' : '', votes, roundTrip, behind, row.addresses[0] ?? '', row.peer];
}

export function addConfirmDead(program: Command, terminal: Terminal): void {
  program
    .command('confirm-dead')
    .argument('<node>')
    .description('Say that the host of a node is really off, so that what runs at most once may start elsewhere at once')
    .addHelpText(
      'after',
      '\nOnly a person can know it: if the host still runs, two copies run at once. It holds for the host as it is now; when its kithd starts again, it counts anew.\n\nExample:\n  kith confirm-dead host-2',
    )
    .action(async (node: string, _options: unknown, command: Command) => {
      const { client } = contextOf(command, terminal);
      const answer = await client.get<PeersAnswer>('/kith.dev/v1/peers');
      const row = answer.peers.find((peer) => peer.node === node);
      if (row === undefined) throw new CliError(`no member has a node "${node}": "kith peers" lists them`);
      if (row.state !== 'dead') throw new CliError(`node "${node}" is ${row.state}, as the asked peer sees it: it is not off`);
      const metadata = { annotations: { [CONFIRMED_DEAD_ANNOTATION]: String(row.incarnation) } };
      const path = `/api/v1/nodes/${encodeURIComponent(node)}`;
      await client.call({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { metadata } });
      terminal.out(`node/${node} confirmed dead\n`);
      const note = minorityNote(answer);
      if (note !== undefined) terminal.err(note);
    });
}

/** What a person's word does not do: it ends leases, and makes no minority a majority but one of two. */
function minorityNote({ electorate, peers }: PeersAnswer): string | undefined {
  const electors = electorate?.members ?? [];
  const alive = peers.filter(({ peer, state }) => electors.includes(peer) && state !== 'dead').length;
  if (alive >= majorityOf(electors.length)) return undefined;
  if (electors.length === 2)
    return 'note: of two electors one is left. It goes on alone in some seconds, unless its kithd was started since the other one was lost\n';
  return `note: ${alive} of ${electors.length} electors are here, which is no majority: what runs at most once waits until more of them are back\n`;
}

export function addConflicts(program: Command, terminal: Terminal): void {
  program
    .command('conflicts')
    .description('Show what two people changed at the same time, and which value the merge took')
    .addOption(jsonOutput())
    .addHelpText(
      'after',
      '\nSet the field again, to either value, and the conflict is settled. What is set aside does not validate and is not acted\non: create it anew.\n\nExample:\n  kith conflicts',
    )
    .action(async (options: { output?: string }, command: Command) => {
      const context = contextOf(command, terminal);
      const answer = await context.client.get<ConflictsAnswer>('/kith.dev/v1/conflicts');
      if (options.output === 'json') return context.terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
      if (answer.conflicts.length + answer.quarantined.length === 0) return context.terminal.out('No conflicts.\n');
      const short = (value: unknown): string => JSON.stringify(value).slice(0, 60);
      const rows = answer.conflicts.map((row) => [row.key, row.path, short(row.winner), row.losers.map(short).join(' ')]);
      if (rows.length > 0) context.terminal.out(formatColumns(['Object', 'Field', 'Taken', 'Not taken'], rows));
      const aside = answer.quarantined.map(({ key, reason }) => [key, reason]);
      if (aside.length > 0) context.terminal.out(`${rows.length > 0 ? '\n' : ''}${formatColumns(['Set aside', 'Why'], aside)}`);
    });
}

export function addManifests(program: Command, terminal: Terminal): void {
  program
    .command('manifests')
    .description("Show the files of the peer's watched folder: applied, or why not")
    .addOption(jsonOutput())
    .addHelpText('after', '\nStart the daemon with --manifests DIR to have one.\n\nExample:\n  kith manifests')
    .action(async (options: { output?: string }, command: Command) => {
      const context = contextOf(command, terminal);
      const answer = await context.client.get<ManifestsAnswer>('/kith.dev/v1/manifests');
      if (options.output === 'json') return context.terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
      if (answer.folder === undefined) return context.terminal.out('This peer watches no folder: start it with kithd --manifests DIR.\n');
      const rows = answer.files.map((row) => [row.file, row.state, String(row.objects.length), row.message]);
      context.terminal.out(
        rows.length === 0 ? `No manifests in ${answer.folder}.\n` : formatColumns(['File', 'State', 'Objects', 'Message'], rows),
      );
    });
}

export function addToken(program: Command, terminal: Terminal): void {
  program
    .command('token')
    .description('Print a token with which one host can join: kithd --join TOKEN')
    .option('--ttl <duration>', 'how long it is good for', '24h')
    .addHelpText(
      'after',
      '\nThe token is a secret: who has it can become a member, and members are trusted as root.\n\nExample:\n  kithd --join "$(ssh host-1 kith token)"',
    )
    .action(async (options: { ttl: string }, command: Command) => {
      const context = contextOf(command, terminal);
      const ttlSeconds = seconds('--ttl', options.ttl);
      if (ttlSeconds < 1) throw new CliError('--ttl: at least one second', EXIT_USAGE);
      const response = await context.client.call({ method: 'POST', path: '/kith.dev/v1/tokens', body: { ttlSeconds } });
      context.terminal.out(`${(response.body as TokenAnswer).token}\n`);
    });
}

export function addVersion(program: Command, terminal: Terminal, own: string): void {
  program
    .command('version')
    .description('Print the version of this command and of the daemon')
    .option('--client', 'of this command only')
    .addHelpText('after', '\nExample:\n  kith version')
    .action(async (options: { client?: boolean }, command: Command) => {
      terminal.out(`kith ${own}\n`);
      if (options.client) return;
      const answer = await contextOf(command, terminal).client.get<VersionAnswer>('/version');
      terminal.out(`kithd ${answer.kith} (Kubernetes API ${answer.gitVersion}, wire ${answer.wire})\n`);
    });
}

export function addKubeconfig(program: Command, terminal: Terminal): void {
  program
    .command('kubeconfig')
    .description('Print a kubeconfig with a new administrator certificate, for kubectl and other clients')
    .option('--user <name>', 'name in the certificate', 'admin')
    .option('--with-token', 'with a bearer token that is good for a day instead of a certificate')
    .addHelpText(
      'after',
      '\nEach peer is a context: kith, kith-2, ...; kith-local is the daemon of the host on which the file is used. The certificate is good for a year, unless it is taken back.\n\nExamples:\n  kith kubeconfig > ~/.kube/config\n  kith get credentials                 what was given out, to whom\n  kith delete credential FINGERPRINT   takes it back',
    )
    .action(async (options: { user: string; withToken?: boolean }, command: Command) => {
      requireUserName(options.user);
      const context = contextOf(command, terminal);
      const path = '/kith.dev/v1/kubeconfig';
      const query = { user: options.user, credential: options.withToken ? 'token' : undefined };
      for await (const chunk of context.client.stream({ path, query, signal: terminal.signal, accept: '*/*' }))
        terminal.out(chunk.toString('utf8'));
    });
}

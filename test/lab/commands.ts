import { Command, CommanderError } from 'commander';
import { createLab, labNames, openLab, removeLab } from './lab.ts';
import type { Lab, LabHost } from './types.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** `npm run lab -- …` */
export async function runLab(words: readonly string[]): Promise<number> {
  try {
    await labCommand().parseAsync([...words], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    process.stderr.write(`lab: ${(error as Error).message}\n`);
    return EXIT_FAILED;
  }
}

function labCommand(): Command {
  const program = new Command('lab')
    .description('Hosts on this machine, each with a Docker Engine and a kithd of its own; and what can happen to them.')
    .option('--name <name>', 'which lab', 'lab')
    .enablePositionalOptions()
    .exitOverride();
  const lab = (): Lab => openLab(program.opts<{ name: string }>().name);
  const nameOf = (): string => program.opts<{ name: string }>().name;
  addLife(program, nameOf, lab);
  addHurts(program, lab);
  program
    .command('guard <name>', { hidden: true })
    .description('take a lab down when standard input ends')
    .action(async (name: string) => {
      const said = await readAll(process.stdin);
      if (said !== 'keep\n') await removeLab(name);
    });
  return program;
}

function addLife(program: Command, nameOf: () => string, lab: () => Lab): void {
  program
    .command('up')
    .argument('[hosts]', 'how many', toNumber, 3)
    .description('make a lab and form a cluster of its hosts')
    .option('--foreground', 'stay, and take the lab down at Ctrl-C')
    .option('--no-cluster', 'switch nothing on')
    .action(async (hosts: number, options: { foreground?: boolean; cluster: boolean }) => {
      const made = await createLab(hosts, { name: nameOf() });
      if (options.cluster) await made.startCluster();
      if (options.foreground !== true) await made.keep();
      print(options.cluster ? await made.host(1).kith('get', 'nodes') : `${made.hosts.map((host) => host.node).join('\n')}\n`);
      if (options.foreground !== true) return;
      await new Promise<void>((resolve) => {
        const alive = setInterval(() => undefined, 60_000);
        for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => (clearInterval(alive), resolve()));
      });
      await made.down();
    });
  program
    .command('down')
    .description('end everything that the lab runs, and remove it')
    .action(async () => removeLab(nameOf()));
  program
    .command('status')
    .description('the hosts and what runs there')
    .action(async () => {
      const names = await labNames();
      if (!names.includes(nameOf()))
        throw new Error(`there is no lab "${nameOf()}"${names.length === 0 ? '' : `; there are: ${names.join(', ')}`}`);
      for (const host of lab().hosts) process.stdout.write(`${await describe(host)}\n`);
    });
  program
    .command('exec <host> [words...]')
    .passThroughOptions()
    .description('run a program on a host: exec 2 -- ip address')
    .action(async (host: string, words: string[]) =>
      print(
        await lab()
          .host(toNumber(host))
          .exec(...command(words)),
      ),
    );
  program
    .command('kith <host> [words...]')
    .passThroughOptions()
    .allowUnknownOption()
    .description('run kith on a host: kith 2 get pods')
    .action(async (host: string, words: string[]) =>
      print(
        await lab()
          .host(toNumber(host))
          .kith(...command(words)),
      ),
    );
}

function addHurts(program: Command, lab: () => Lab): void {
  const onHost = (name: string, description: string, action: (host: LabHost, lab: Lab) => Promise<void>): void => {
    program
      .command(`${name} <host>`)
      .description(description)
      .action(async (host: string) => {
        const opened = lab();
        await action(opened.host(toNumber(host)), opened);
      });
  };
  onHost('start', 'power on', async (host) => host.start());
  onHost('kill', 'pull the power cable', async (host) => host.kill());
  onHost('unplug', 'pull the network cable', async (host, { network }) => network.unplug(host));
  onHost('plug', 'plug the network cable in again', async (host, { network }) => network.plug(host));
  onHost('freeze', 'stop every process; the kernel goes on', async (host) => host.freeze());
  onHost('thaw', 'let them go on', async (host) => host.thaw());
  onHost('kill-daemon', 'SIGKILL kithd', async (host) => host.killDaemon());
  onHost('start-daemon', 'start kithd', async (host) => host.startDaemon());
  onHost('freeze-daemon', 'SIGSTOP kithd', async (host) => host.freezeDaemon());
  onHost('thaw-daemon', 'SIGCONT kithd', async (host) => host.thawDaemon());
  onHost('stop-engine', 'stop dockerd as systemctl does', async (host) => host.stopEngine());
  onHost('start-engine', 'start dockerd', async (host) => host.startEngine());
  program
    .command('cut <from> <to>')
    .option('--one-way', 'only what FROM sends is lost')
    .description('nothing passes between two hosts')
    .action(async (from: string, to: string, options: { oneWay?: boolean }) => {
      const opened = lab();
      await opened.network.cut([opened.host(toNumber(from))], [opened.host(toNumber(to))], options);
    });
  program
    .command('heal')
    .description('undo every hurt')
    .action(async () => lab().heal());
}

async function describe(host: LabHost): Promise<string> {
  const state = host.isOn ? (host.isFrozen ? 'frozen' : host.daemonRuns ? 'on' : 'on, no kithd') : 'off';
  const containers =
    host.isOn && !host.isFrozen
      ? await host.engine.containers().then(
          (found) => `${found.length} containers`,
          () => 'no engine',
        )
      : '';
  return `${host.node}  ${host.address}  ${state}  ${containers}`;
}

function toNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`"${text}": expected a number`);
  return Number(text);
}

/** Without the `--` that keeps its options from ours. */
function command(words: string[]): [string, ...string[]] {
  const [program, ...rest] = words[0] === '--' ? words.slice(1) : words;
  if (program === undefined) throw new Error('which command?');
  return [program, ...rest];
}

function print(text: string): void {
  process.stdout.write(text);
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

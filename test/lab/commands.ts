import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { addHurts } from './commands-hurts.ts';
import { createLab, openLab } from './lab.ts';
import { labNames } from './record.ts';
import { REGISTRY_PORT, registryServer } from './registry.ts';
import { guard, removeLab } from './removal.ts';
import { ensureSupplies } from './supplies.ts';
import type { Lab, LabHost } from './types.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** `npm run lab -- …`. Resolves with the exit code. */
export async function runLab(words: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('lab')
    .description(
      'Hosts on this machine, each with a network, processes, a Docker Engine and a kithd of its own; and what can happen to them.',
    )
    .option('--name <name>', 'which lab', 'lab')
    .enablePositionalOptions()
    .exitOverride();
  const lab = (): Lab => openLab(program.opts<{ name: string }>().name);
  addLife(program, lab);
  addPrograms(program, lab, (code) => (exitCode = code));
  addHurts(program, lab);
  addServants(program);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    process.stderr.write(`lab: ${(error as Error).message}\n`);
    return EXIT_FAILED;
  }
}

function addLife(program: Command, lab: () => Lab): void {
  const name = (): string => program.opts<{ name: string }>().name;
  program
    .command('up')
    .argument('[hosts]', 'how many', wholeNumber, 3)
    .description('make a lab, and form a cluster of its hosts')
    .option('--foreground', 'stay; the lab ends with this command')
    .option('--no-cluster', 'switch no host on')
    .option('--clocks', 'the daemons’ clocks can be moved')
    .action(async (hosts: number, options: { foreground?: boolean; cluster: boolean; clocks?: boolean }) => {
      const made = await createLab(hosts, { name: name(), movableClocks: options.clocks });
      if (options.cluster) await made.startCluster();
      print(options.cluster && hosts > 0 ? await made.host(1).kith('get', 'nodes') : '');
      if (options.foreground !== true) return made.keep();
      await interrupted();
      await made.down();
    });
  program
    .command('add')
    .description('one more host, which joins the cluster')
    .action(async () => {
      const opened = lab();
      const inviter = opened.hosts.find((host) => host.daemonRuns && !host.isFrozen);
      const added = await opened.addHost();
      await added.start({ joinToken: await inviter?.token() });
      print(`${added.node}\n`);
    });
  program
    .command('down')
    .description('end everything that the lab runs, and remove what it wrote')
    .action(async () => removeLab(name()));
  program
    .command('status')
    .description('the hosts, and what runs there')
    .action(async () => {
      const names = await labNames();
      if (!names.includes(name()))
        throw new Error(`there is no lab "${name()}"${names.length === 0 ? '' : `; there are: ${names.join(', ')}`}`);
      for (const host of lab().hosts) print(`${await describe(host)}\n`);
    });
}

function addPrograms(program: Command, lab: () => Lab, exit: (code: number) => void): void {
  const add = (name: string, description: string, commandLine: (host: LabHost, words: readonly string[]) => readonly string[]): void => {
    program
      .command(name)
      .argument('<host>', 'its number', wholeNumber)
      .argument('[words...]')
      .description(description)
      .passThroughOptions()
      .allowUnknownOption()
      .action((number: number, words: string[]) => {
        const [file = '', ...rest] = commandLine(lab().host(number), words[0] === '--' ? words.slice(1) : words);
        exit(spawnSync(file, rest, { stdio: 'inherit' }).status ?? EXIT_FAILED);
      });
  };
  add('exec', 'run a program on a host: exec 2 -- ip address', (host, words) => host.commandLine(...words));
  add('kith', 'run kith on a host: kith 2 get pods', (host, words) => host.kithCommandLine(...words));
  add('docker', "run docker with a host's engine: docker 2 ps", (host, words) => [
    'docker',
    '--host',
    `unix://${host.engineSocket}`,
    ...words,
  ]);
}

function addServants(program: Command): void {
  program
    .command('supplies')
    .description('make the images that labs need, which the first lab does otherwise')
    .action(async () => ensureSupplies());
  program
    .command('guard <name>', { hidden: true })
    .description('take a lab down when standard input ends')
    .action(async (name: string) => guard(name, process.stdin));
  program
    .command('registry <folder> <address>', { hidden: true })
    .description('hand out images to the hosts')
    .action(async (folder: string, address: string) => {
      await once(registryServer(folder).listen(REGISTRY_PORT, address), 'close');
    });
}

async function describe(host: LabHost): Promise<string> {
  const state = !host.isOn ? 'off' : host.isFrozen ? 'frozen' : host.daemonRuns ? 'on' : 'on, no kithd';
  const containers =
    host.isOn && !host.isFrozen
      ? await host.engine.containers().then(
          (found) => `${found.length} containers`,
          () => 'no engine',
        )
      : '';
  return `${host.node}  ${host.address}  ${state}  ${containers}`.trimEnd();
}

/** Until somebody asks for the end. */
async function interrupted(): Promise<void> {
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
  });
  clearInterval(alive);
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Expected a number.');
  return Number(text);
}

function print(text: string): void {
  process.stdout.write(text);
}

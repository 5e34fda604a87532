import { InvalidArgumentError, type Command } from 'commander';
import type { Lab, LabHost } from './types.ts';

/** Commands that hurt, and those that undo it. */
export function addHurts(program: Command, lab: () => Lab): void {
  addPower(program, lab);
  addNetwork(program, lab);
  addShortage(program, lab);
  program
    .command('heal')
    .description('undo every hurt; start nothing')
    .action(async () => lab().heal());
}

function addPower(program: Command, lab: () => Lab): void {
  const add = (name: string, description: string, act: (host: LabHost) => Promise<void>): void => {
    program
      .command(name)
      .argument('<host>', 'its number', number)
      .description(description)
      .action(async (host: number) => act(lab().host(host)));
  };
  add('start', 'power on: engine and kithd', async (host) => host.start());
  add('kill', 'pull the power cable', async (host) => host.kill());
  add('wipe', "take the disk with kithd's data out of a host that is off", async (host) => host.wipe());
  add('freeze', 'stop every process; its kernel goes on', async (host) => host.freeze());
  add('thaw', 'let them go on', async (host) => host.thaw());
  add('start-daemon', 'start kithd', async (host) => host.startDaemon());
  add('stop-daemon', 'end kithd as systemctl does (SIGTERM)', async (host) => host.killDaemon('SIGTERM'));
  add('kill-daemon', 'SIGKILL kithd; its containers live on', async (host) => host.killDaemon());
  add('freeze-daemon', 'SIGSTOP kithd', async (host) => host.freezeDaemon());
  add('thaw-daemon', 'SIGCONT kithd', async (host) => host.thawDaemon());
  add('start-engine', 'start dockerd', async (host) => host.startEngine());
  add('stop-engine', 'end dockerd as systemctl does, with its containers', async (host) => host.stopEngine('SIGTERM'));
  add('kill-engine', 'SIGKILL dockerd; its containers live on', async (host) => host.stopEngine('SIGKILL'));
}

function addNetwork(program: Command, lab: () => Lab): void {
  const onHost = (name: string, description: string, act: (opened: Lab, host: LabHost) => Promise<void>): void => {
    program
      .command(name)
      .argument('<host>', 'its number', number)
      .description(description)
      .action(async (host: number) => {
        const opened = lab();
        await act(opened, opened.host(host));
      });
  };
  onHost('unplug', 'pull the network cable', async ({ network }, host) => network.unplug(host));
  onHost('plug', 'plug it in again', async ({ network }, host) => network.plug(host));
  const between = (opened: Lab, numbers: number[]): LabHost[] => numbers.map((each) => opened.host(each));
  program
    .command('cut')
    .argument('<from>', 'hosts, as in 1 or 1,2', numbers)
    .argument('<to>', 'hosts', numbers)
    .option('--one-way', 'only what FROM sends is lost')
    .description('nothing passes between FROM and TO')
    .action(async (from: number[], to: number[], options: { oneWay?: boolean }) => {
      const opened = lab();
      await opened.network.cut(between(opened, from), between(opened, to), options);
    });
  program
    .command('uncut')
    .argument('<from>', 'hosts', numbers)
    .argument('<to>', 'hosts', numbers)
    .description('undo a cut, both ways')
    .action(async (from: number[], to: number[]) => {
      const opened = lab();
      await opened.network.uncut(between(opened, from), between(opened, to));
    });
  program
    .command('drop')
    .argument('<host>', 'its number', number)
    .argument('<share>', 'from 0 (nothing, the end of it) to 1', fraction)
    .description("lose a share of what passes the host's cable, either way")
    .action(async (host: number, share: number) => {
      const opened = lab();
      await opened.network.drop(opened.host(host), share);
    });
  program
    .command('slow')
    .argument('<host>', 'its number', number)
    .option('--kbit <per-second>', 'a thin line', fraction)
    .option('--delay <ms>', 'a long line (needs a kernel with netem)', fraction)
    .description('make the line to a host thin or long; without an option, neither')
    .action(async (host: number, options: { kbit?: number; delay?: number }) => {
      const opened = lab();
      const limit =
        options.kbit !== undefined ? { kbitPerSecond: options.kbit } : options.delay !== undefined ? { delayMs: options.delay } : undefined;
      await opened.network.slow(opened.host(host), limit);
    });
}

function addShortage(program: Command, lab: () => Lab): void {
  program
    .command('fill')
    .argument('<host>', 'its number', number)
    .argument('[leave-bytes]', 'how many to leave', number, 0)
    .description("fill the disk of kithd's data")
    .action(async (host: number, leaveBytes: number) => lab().host(host).fillDisk(leaveBytes));
  program
    .command('free')
    .argument('<host>', 'its number', number)
    .description('free it again')
    .action(async (host: number) => lab().host(host).freeDisk());
  program
    .command('starve')
    .argument('<host>', 'its number', number)
    .argument('[cpus]', 'share of one CPU, as in 0.1; without it, all', fraction)
    .description('let all processes of a host share so much of a CPU')
    .action(async (host: number, cpus: number | undefined) => lab().host(host).starve(cpus));
  program
    .command('burn')
    .argument('<host>', 'its number', number)
    .argument('<processes>', 'how many', number)
    .description('start busy processes on a host')
    .action(async (host: number, processes: number) => lab().host(host).burn(processes));
  program
    .command('clock')
    .argument('<host>', 'its number', number)
    .argument('<seconds>', "from the machine's clock, as in +3600 or -60; in a lab made with --clocks", signed)
    .allowUnknownOption()
    .description("move kithd's wall clock")
    .action(async (host: number, seconds: number) =>
      lab()
        .host(host)
        .moveClock(seconds * 1_000),
    );
}

function number(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Expected a number.');
  return Number(text);
}

function numbers(text: string): number[] {
  return text.split(',').map(number);
}

function fraction(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Expected a number, as in 0.3.');
  return Number(text);
}

function signed(text: string): number {
  if (!/^[+-]?\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('Expected seconds, as in +3600.');
  return Number(text);
}

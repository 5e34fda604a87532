import { execFileSync } from 'node:child_process';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { DIST, realPeers, removeQuietly } from '../support/real-peers.ts';
import { TerminalSession } from '../support/terminal.ts';
import { counters } from '../support/workloads.ts';

const peers = realPeers(1, 'shell');
const bin = mkdtempSync(path.join(tmpdir(), 'kith-completion-'));

/** How each shell is started without what a person has configured, and how it takes the completion in. */
const SHELLS = {
  bash: { start: ['bash', '--norc', '--noprofile', '-i'], takeIn: 'source <(kith completion bash)' },
  zsh: { start: ['zsh', '-f', '-i'], takeIn: 'autoload -U compinit; compinit -u -D; source <(kith completion zsh)' },
  fish: { start: ['fish', '--no-config', '-i'], takeIn: 'kith completion fish | source' },
} as const;

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  symlinkSync(path.join(DIST, 'kith.js'), path.join(bin, 'kith'));
  await peers.apply(0, counters('counting', 1));
});
afterAll(async () => removeQuietly(bin));

for (const [shell, { start, takeIn }] of Object.entries(SHELLS)) {
  describe.skipIf(!isThere(start[0]))(shell, () => {
    it('completes commands, kinds and the names of objects at the press of a key', async () => {
      const environment = {
        PATH: `${bin}:${process.env['PATH'] ?? ''}`,
        HOME: bin,
        KITH_SOCKET: peers.cluster.peer(0).socket,
        SHELL: shell,
      };
      const session = new TerminalSession(start, environment);
      session.type(`${takeIn}\r`);
      // What the shell shows of the line is not what says that it is ready.
      session.type('echo re"ad"y\r');
      await session.sees(/ready\r?\n/);
      // The space after it may be shown in bold.
      session.type('kith desc\t');
      await session.sees('kith describe');
      session.type('replicationcont\t');
      await session.sees('rollers');
      session.type('count\t');
      await session.sees('ing');
      session.type('\r');
      await session.sees(/Name:\s+counting/);
      session.type('exit\r');
      await session.end();
    });
  });
}

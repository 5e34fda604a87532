import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const unit = readFileSync(new URL('../../examples/kithd.service', import.meta.url), 'utf8');

it('the unit for systemd ends the daemon alone: what containers run, and the guard, go on; and it does not repeat a wrong command line', () => {
  expect(unit).toMatch(/^KillMode=process$/m);
  expect(unit).toMatch(/^RestartPreventExitStatus=2$/m);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineAvailable, startEngine } from '../support/engine.ts';

const dist = path.resolve(import.meta.dirname, '..', '..', 'dist');

/** Runs the built demo as `npm run demo -- --once` does. */
async function tellStory(environment: NodeJS.ProcessEnv, ...words: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [path.join(dist, 'demo.js'), '--once', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

const STEPS = [
  'all follow one leader',
  'peer-3 shows them',
  'one of each on every peer',
  'its replacement runs',
  'its pods run on the others',
  'nothing runs twice: 6 pods, 6 containers',
  'what is dropped there runs',
  'its pods are gone',
];

function expectWholeStory({ code, text }: { code: number | null; text: string }, more: readonly string[] = []): void {
  for (const step of [...STEPS, ...more]) expect(text, text).toMatch(new RegExp(`^ {2}ok {5}.*${step}`, 'm'));
  expect(text).not.toContain('FAILED');
  expect(code, text).toBe(0);
}

const SERVICE_STEPS = [
  'the Service hello takes turns at .*: (?=.*peer-1)(?=.*peer-2)(?=.*peer-3)',
  'the Service hello went on answering: \\d+ requests',
];

describe('the demo', () => {
  it('tells its whole story with the process runtime', async () => {
    expectWholeStory(await tellStory({}, '--runtime', 'process'), SERVICE_STEPS);
  }, 240_000);

  const unavailable = engineAvailable();
  it.skipIf(unavailable !== undefined)(
    `tells its whole story with a Docker engine that can pull nothing${unavailable === undefined ? '' : ` (${unavailable})`}`,
    async () => {
      const engine = await startEngine();
      try {
        expectWholeStory(await tellStory({ DOCKER_HOST: `unix://${engine.socketPath}` }, '--runtime', 'docker'));
      } finally {
        await engine.stop();
      }
    },
    300_000,
  );

  it('says what is wrong with its command line', async () => {
    const { code, text } = await tellStory({}, '--runtime', 'podman');
    expect(text).toContain('expected docker or process');
    expect(code).toBe(2);
  });
});

import { expect, it } from 'vitest';
import { apiWorld } from './support/world.ts';

it('who asks for objects waits until this peer has heard the others; its own health is told at once', async () => {
  const heard = Promise.withResolvers<void>();
  let isOver = false;
  const world = await apiWorld({
    deps: { heard: () => (isOver ? undefined : heard.promise), unready: () => ['has not heard yet: node-2'] },
  });
  try {
    const answers: number[] = [];
    const asked = world.call('GET', '/api/v1/nodes').then(({ status }) => answers.push(status));
    const readiness = await world.call('GET', '/readyz');
    expect([readiness.status, readiness.text]).toEqual([500, '[-]has not heard yet: node-2\nnot ready\n']);
    expect((await world.call('GET', '/livez')).status).toBe(200);
    expect(answers).toEqual([]);
    heard.resolve();
    await asked;
    expect(answers).toEqual([200]);
    isOver = true;
    expect((await world.call('GET', '/api/v1/nodes')).status).toBe(200);
  } finally {
    await world.stop();
  }
});

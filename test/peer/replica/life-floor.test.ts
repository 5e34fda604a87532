import { expect, it } from 'vitest';
import { KithError } from '../../../protocol/errors.ts';
import type { StoreOperation } from '../../../daemon/ports/store.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { makeReplica, restart } from '../../support/replica-world.ts';

/** Its writes take as long as it is told, whatever was asked for first. */
class UnevenStore extends MemoryStore {
  readonly turns: number[] = [];

  override async write(operations: readonly StoreOperation[]): Promise<void> {
    for (let turn = this.turns.shift() ?? 0; turn > 0; turn -= 1) await Promise.resolve();
    await super.write(operations);
  }
}

it('the floor under new lives is on disk as high as it is told, though it was raised twice at once', async () => {
  const store = new UnevenStore();
  const test = await makeReplica({}, store);
  store.turns.push(50, 0);
  await Promise.all([test.replica.raiseFloor(5), test.replica.raiseFloor(9)]);
  expect(test.replica.floor()).toBe(9);
  expect((await restart(test)).replica.floor()).toBe(9);
});

it('the floor that can not be written is not told, and is raised another time', async () => {
  const { replica, store } = await makeReplica();
  store.failure = new KithError('StoreFull', 'full');
  await expect(replica.raiseFloor(5)).rejects.toThrow('full');
  expect(replica.floor()).toBe(0);
  store.failure = undefined;
  await replica.raiseFloor(5);
  expect(replica.floor()).toBe(5);
});

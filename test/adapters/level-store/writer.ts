import { LevelStore } from '../../../daemon/adapters/level-store/level-store.ts';

/** A process to be killed: writes batches for ever and says on stdout, only after each fsync, which one it was. */
const store = new LevelStore({ directory: process.argv[2] ?? '' });
await store.open();
for (let index = Number(process.argv[3] ?? 0); ; index += 1) {
  const value = Buffer.from(String(index).repeat(50));
  await store.write([
    { type: 'put', key: `a/${String(index).padStart(9, '0')}`, value },
    { type: 'put', key: `b/${String(index).padStart(9, '0')}`, value },
  ]);
  process.stdout.write(`${index}\n`);
}

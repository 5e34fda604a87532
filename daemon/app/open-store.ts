import { rename } from 'node:fs/promises';
import path from 'node:path';
import { KithError } from '../../protocol/errors.ts';
import { loadOrCreateIdentity } from '../adapters/identity/identity.ts';
import { LevelStore } from '../adapters/level-store/level-store.ts';
import { SealedStore } from '../adapters/level-store/sealed-store.ts';
import type { DaemonConfig } from './config.ts';
import { readKeyFile } from './key-file.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';

/**
 * Opens the store, whose values are sealed with this host's private key, or with the key of a file that is kept elsewhere. `onLost` is called when records turn out to be lost. One that can't be read is set aside, never deleted; a new one is filled from the other peers (identity and keys are files of their own).
 * @throws KithError `StoreLocked` when another daemon has it, `StoreKeyMissing`, `StoreKeyWrong`, `KeyFileUnusable`
 */
export async function openStore(
  { dataDir, keyFile }: Pick<DaemonConfig, 'dataDir' | 'keyFile'>,
  log: Log,
  now: number,
  onLost: () => void,
): Promise<Store> {
  const directory = path.join(dataDir, 'store');
  const onDamaged = (reason: string): void => {
    log.error('the store lost records to a damaged block; they are fetched again from a peer', { reason });
    onLost();
  };
  const secret = async (): Promise<Uint8Array> => (await loadOrCreateIdentity(dataDir)).privateKey;
  const apart = keyFile === undefined ? undefined : async (): Promise<Uint8Array> => readKeyFile(keyFile, dataDir);
  const sealed = (): Store => {
    const inner = new LevelStore({ directory, onDamaged });
    return new SealedStore({ inner, secret, apart, compact: async () => inner.compact() });
  };
  const store = sealed();
  try {
    await store.open();
    return store;
  } catch (error) {
    if (!(error instanceof KithError) || error.code !== 'StoreCorrupt') throw error;
    const aside = `${directory}.damaged-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
    await rename(directory, aside);
    log.error('the store could not be read: it is set aside, and the state is fetched again from the other peers', {
      aside,
      reason: error.message,
    });
    const fresh = sealed();
    await fresh.open();
    return fresh;
  }
}

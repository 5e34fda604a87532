import { storeAcceptance } from '../acceptance/store.ts';
import { MemoryStore } from './memory-store.ts';

storeAcceptance('MemoryStore', async () => {
  const store = new MemoryStore();
  return { make: () => store, cleanUp: async () => undefined };
});

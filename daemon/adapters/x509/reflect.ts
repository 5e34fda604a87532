/**
 * The three functions of the metadata proposal that `tsyringe`, which `@peculiar/x509` is built on, calls; it refuses to load without them. Imported before it.
 */
type MetadataKey = string | symbol;

const metadata = new WeakMap<object, Map<MetadataKey, unknown>>();

const own = (key: MetadataKey, target: object): unknown => metadata.get(target)?.get(key);

const functions = {
  defineMetadata(key: MetadataKey, value: unknown, target: object): void {
    const entries = metadata.get(target) ?? new Map<MetadataKey, unknown>();
    metadata.set(target, entries.set(key, value));
  },
  getOwnMetadata: own,
  getMetadata(key: MetadataKey, target: object): unknown {
    for (let at: object | null = target; at; at = Object.getPrototypeOf(at) as object | null) {
      if (metadata.get(at)?.has(key)) return own(key, at);
    }
    return undefined;
  },
};

if (!('getMetadata' in Reflect)) Object.assign(Reflect, functions);

import type { Pod } from '../../../protocol/types.ts';
import type { RegistryCredential } from '../../ports/runtime.ts';
import { accountOf } from '../accounts/account-volume.ts';
import { secretText } from './config-source.ts';
import type { ConfigSource } from './config-source.ts';

/** Where images without a registry in their name come from. */
const DEFAULT_REGISTRY = 'docker.io';
const DEFAULT_ALIASES: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

interface Entry {
  username?: string;
  password?: string;
  /** Base64 of `USER:PASSWORD`. */
  auth?: string;
  identitytoken?: string;
}

/**
 * What a pod's imagePullSecrets have for an image, the most specific first; and which of them are not there. A pod that names none has those of its account, as upstream, but as they are
 * when it pulls and not as they were when it was made.
 */
export function registryCredentials(
  pod: Pod,
  image: string,
  config: ConfigSource,
): { credentials: RegistryCredential[]; missing: string[] } {
  const found: { key: string; credential: RegistryCredential }[] = [];
  const missing: string[] = [];
  const { imagePullSecrets: own = [] } = pod.spec;
  const names = own.length > 0 ? own.map(({ name = '' }) => name) : (config.account(accountOf(pod.spec))?.pullSecrets ?? []);
  for (const name of names) {
    const secret = config.secret(name);
    if (secret === undefined) missing.push(name);
    for (const [key, entry] of Object.entries(entriesOf(secret?.data))) {
      const credential = credentialOf(key, entry);
      const source = { uid: config.secretUid(name) ?? '', namespace: pod.metadata.namespace ?? '', name };
      if (credential !== undefined && covers(key, image)) found.push({ key, credential: { ...credential, source } });
    }
  }
  found.sort((left, right) => right.key.length - left.key.length);
  return { credentials: found.map(({ credential }) => credential), missing };
}

/** Of both types of Secrets that hold credentials. What is no JSON holds none. */
function entriesOf(data: Readonly<Record<string, string>> | undefined): Record<string, Entry> {
  const [json, old] = [data?.['.dockerconfigjson'], data?.['.dockercfg']];
  try {
    if (json !== undefined) return (JSON.parse(secretText(json)) as { auths?: Record<string, Entry> }).auths ?? {};
    return old === undefined ? {} : (JSON.parse(secretText(old)) as Record<string, Entry>);
  } catch {
    return {};
  }
}

function credentialOf(key: string, { username, password, auth, identitytoken }: Entry): RegistryCredential | undefined {
  const server = hostOf(key);
  if (identitytoken !== undefined) return { server, username: '', password: '', identityToken: identitytoken };
  if (username !== undefined && password !== undefined) return { server, username, password };
  const [user, ...rest] = auth === undefined ? [] : Buffer.from(auth, 'base64').toString('utf8').split(':');
  return user === undefined || rest.length === 0 ? undefined : { server, username: user, password: rest.join(':') };
}

/** `https://index.docker.io/v1/` is `index.docker.io`; a key may go on with a path, and its host begin with `*.`. */
function partsOf(key: string): { host: string; path: string } {
  const [host = '', ...path] = key.replace(/^https?:\/\//, '').split('/');
  return {
    host,
    path: path
      .join('/')
      .replace(/^v[12]\/?$/, '')
      .replace(/\/+$/, ''),
  };
}

function hostOf(key: string): string {
  return partsOf(key).host;
}

function covers(key: string, image: string): boolean {
  const { host, path } = partsOf(key);
  const [first = '', ...rest] = image.split('/');
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const registry = named ? first : DEFAULT_REGISTRY;
  const repository = named ? rest.join('/') : image;
  const isHost = DEFAULT_ALIASES.has(registry)
    ? DEFAULT_ALIASES.has(host)
    : host === registry || (host.startsWith('*.') && registry.endsWith(host.slice(1)));
  return isHost && (path === '' || repository === path || repository.startsWith(`${path}/`));
}

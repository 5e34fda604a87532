import type { Pod, PodSpec } from '../../../../protocol/types.ts';
import { memoryBytes } from '../../../../protocol/values/quantity.ts';
import type { PodVolume, VolumeFile } from '../../../ports/volumes.ts';
import { accountOf, ROOT_CA } from '../../accounts/account-volume.ts';
import type { ConfigData, ConfigSource } from '../config-source.ts';
import { containerNamed, fieldOf, mapText, resourceOf } from '../environment.ts';
import type { PodFacts } from '../environment.ts';

type Volume = NonNullable<PodSpec['volumes']>[number];
type Items = readonly { key: string; path: string; mode?: number }[] | undefined;
type DownwardItems = NonNullable<NonNullable<Volume['downwardAPI']>['items']>;
type Files = { files: VolumeFile[] } | { missing: string };

const DEFAULT_MODE = 0o644;
export const DEFAULT_TOKEN_SECONDS = 3600;

export interface ResolvedVolumes {
  volumes: PodVolume[];
  /** The first that can't be had yet, and why, in kubelet's words. */
  missing?: { volume: string; message: string };
}

/** Tokens of accounts and what goes with them, as a node has them for one pod. */
export interface PodCredentials {
  readonly caCertificate: string;
  /** The token as it is now: the same until it is renewed. */
  token(account: { name: string; uid: string }, audience: string, lifetimeMs: number): string;
}

/** What a pod's volumes hold. Source of the words: pkg/volume/configmap, secret, projected, downwardapi. */
export function resolveVolumes(pod: Pod, facts: PodFacts, config: ConfigSource, credentials?: PodCredentials): ResolvedVolumes {
  const volumes: PodVolume[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const found = resolveOne(volume, pod, facts, config, credentials);
    if ('missing' in found) return { volumes, missing: { volume: volume.name, message: found.missing } };
    volumes.push(found);
  }
  return { volumes };
}

function resolveOne(
  volume: Volume,
  pod: Pod,
  facts: PodFacts,
  config: ConfigSource,
  credentials: PodCredentials | undefined,
): PodVolume | { missing: string } {
  const { name, hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim } = volume;
  if (persistentVolumeClaim !== undefined) {
    const found = config.claim(persistentVolumeClaim.claimName);
    return 'missing' in found ? found : { name, kind: 'local', volume: found.volume, readOnly: persistentVolumeClaim.readOnly === true };
  }
  if (hostPath !== undefined) return { name, kind: 'hostPath', path: hostPath.path, type: hostPath.type ?? '' };
  const written = (found: Files, isSecret: boolean): PodVolume | { missing: string } =>
    'missing' in found ? found : { name, kind: 'files', files: found.files, isSecret };
  if (configMap !== undefined)
    return written(ofConfig('configmap', configMap.name, config.configMap, configMap, configMap.defaultMode), false);
  if (secret !== undefined) return written(ofConfig('secret', secret.secretName, config.secret, secret, secret.defaultMode), true);
  if (downwardAPI !== undefined) return written(ofPod(downwardAPI.items ?? [], pod, facts, downwardAPI.defaultMode), false);
  if (projected === undefined) return emptyDir(name, volume.emptyDir);
  const files = new Map<string, VolumeFile>();
  const configMapOf = (name: string): ConfigData | undefined => config.configMap(name) ?? rootCa(name, credentials);
  for (const source of projected.sources ?? []) {
    let found: Files;
    if (source.configMap !== undefined)
      found = ofConfig('configmap', source.configMap.name, configMapOf, source.configMap, projected.defaultMode);
    else if (source.secret !== undefined)
      found = ofConfig('secret', source.secret.name, config.secret, source.secret, projected.defaultMode);
    else if (source.serviceAccountToken !== undefined)
      found = ofAccount(source.serviceAccountToken, pod, config, credentials, projected.defaultMode);
    else found = ofPod(source.downwardAPI?.items ?? [], pod, facts, projected.defaultMode);
    if ('missing' in found) return found;
    for (const file of found.files) files.set(file.path, file);
  }
  const isSecret = (projected.sources ?? []).some((source) => (source.secret ?? source.serviceAccountToken) !== undefined);
  return { name, kind: 'files', files: [...files.values()], isSecret };
}

/** A limit of 0 is none, as upstream. */
function emptyDir(name: string, { medium, sizeLimit }: NonNullable<Volume['emptyDir']> = {}): PodVolume {
  const limitBytes = sizeLimit === undefined ? 0 : memoryBytes(sizeLimit);
  return { name, kind: 'emptyDir', inMemory: medium === 'Memory', ...(limitBytes > 0 ? { limitBytes } : {}) };
}

/** Every namespace has it; one that somebody wrote comes first. */
function rootCa(name: string, credentials: PodCredentials | undefined): ConfigData | undefined {
  return name === ROOT_CA && credentials !== undefined ? { data: { 'ca.crt': credentials.caCertificate } } : undefined;
}

function ofAccount(
  { audience = '', expirationSeconds = DEFAULT_TOKEN_SECONDS, path }: { audience?: string; expirationSeconds?: number; path: string },
  pod: Pod,
  config: ConfigSource,
  credentials: PodCredentials | undefined,
  mode: number = DEFAULT_MODE,
): Files {
  const name = accountOf(pod.spec);
  const account = config.account(name);
  if (account === undefined) return { missing: `failed to fetch token: serviceaccounts "${name}" not found` };
  if (credentials === undefined) return { missing: 'failed to fetch token: this node signs none' };
  const token = credentials.token({ name, uid: account.uid }, audience, expirationSeconds * 1000);
  return { files: [{ path, mode, bytes: Buffer.from(token) }] };
}

function ofConfig(
  kind: 'configmap' | 'secret',
  name: string | undefined,
  read: (name: string) => ConfigData | undefined,
  { items, optional }: { items?: Items; optional?: boolean },
  defaultMode: number = DEFAULT_MODE,
): Files {
  const found = read(name ?? '');
  if (found === undefined && optional !== true) return { missing: `${kind} "${name ?? ''}" not found` };
  const bytes = (key: string): Uint8Array | undefined => {
    const text = found?.data?.[key];
    if (text !== undefined) return Buffer.from(text, kind === 'secret' ? 'base64' : 'utf8');
    const binary = found?.binaryData?.[key];
    return binary === undefined ? undefined : Buffer.from(binary, 'base64');
  };
  const keys = [...Object.keys(found?.data ?? {}), ...Object.keys(found?.binaryData ?? {})];
  const wanted = items ?? keys.map((key) => ({ key, path: key, mode: undefined }));
  const files: VolumeFile[] = [];
  for (const { key, path, mode } of wanted) {
    const content = bytes(key);
    if (content !== undefined) files.push({ path, mode: mode ?? defaultMode, bytes: content });
    else if (optional !== true) {
      return {
        missing: kind === 'secret' ? `references non-existent secret key: ${key}` : `configmap references non-existent config key: ${key}`,
      };
    }
  }
  return { files };
}

function ofPod(items: DownwardItems, pod: Pod, facts: PodFacts, defaultMode: number = DEFAULT_MODE): Files {
  const files: VolumeFile[] = [];
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    let text: string | undefined;
    if (fieldRef !== undefined) {
      const { fieldPath } = fieldRef;
      if (fieldPath === 'metadata.labels') text = mapText(pod.metadata.labels);
      else if (fieldPath === 'metadata.annotations') text = mapText(pod.metadata.annotations);
      else text = fieldOf(pod, fieldPath, facts);
    } else if (resourceFieldRef !== undefined) {
      const of = containerNamed(pod, resourceFieldRef.containerName ?? '');
      if (of !== undefined) text = resourceOf(of, resourceFieldRef.resource, resourceFieldRef.divisor, facts);
    }
    if (text === undefined) return { missing: `unable to get the field for ${path}` };
    files.push({ path, mode: mode ?? defaultMode, bytes: Buffer.from(text) });
  }
  return { files };
}

/** Whether the contents of any of its volumes follow other objects, so that they are to be looked at when those change. */
export function followsOthers(pod: Pod): boolean {
  return (pod.spec.volumes ?? []).some(
    ({ configMap, secret, downwardAPI, projected }) => (configMap ?? secret ?? downwardAPI ?? projected) !== undefined,
  );
}

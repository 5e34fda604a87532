import { objectKey } from '../../../protocol/objects.ts';
import { type ClaimedVolume, claimedVolume } from '../storage/mount.ts';
import type { Account } from '../accounts/account-volume.ts';
import type { ClusterView } from '../cluster/view.ts';

/** What a ConfigMap or a Secret holds: texts, and bytes in base64. */
export interface ConfigData {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  /** Of a Secret. */
  readonly type?: string;
}

interface StoredAccount {
  automountServiceAccountToken?: boolean;
  imagePullSecrets?: { name?: string }[];
}

/** ConfigMaps, Secrets and claims of one namespace; undefined is not found. */
export interface ConfigSource {
  readonly configMap: (name: string) => ConfigData | undefined;
  readonly secret: (name: string) => ConfigData | undefined;
  readonly secretUid: (name: string) => string | undefined;
  readonly claim: (name: string) => ClaimedVolume;
  /** A service account. */
  readonly account: (name: string) => Account | undefined;
}

export const NO_CONFIG: ConfigSource = {
  configMap: () => undefined,
  secret: () => undefined,
  secretUid: () => undefined,
  account: () => undefined,
  claim: (name) => ({ missing: `persistentvolumeclaim "${name}" not found` }),
};

export function configSource(view: ClusterView, namespace: string): ConfigSource {
  const read = (resource: string, name: string): ConfigData | undefined =>
    view.get(objectKey(resource, namespace, name))?.object as ConfigData | undefined;
  return {
    configMap: (name) => read('configmaps', name),
    secret: (name) => read('secrets', name),
    secretUid: (name) => view.get(objectKey('secrets', namespace, name))?.uid,
    claim: (name) => claimedVolume(view, namespace, name),
    account: (name) => {
      const found = view.get(objectKey('serviceaccounts', namespace, name));
      if (found === undefined) return undefined;
      const { automountServiceAccountToken: automount, imagePullSecrets = [] } = found.object as StoredAccount;
      return { uid: found.uid, automount, pullSecrets: imagePullSecrets.map(({ name = '' }) => name) };
    },
  };
}

/** The text of a Secret's value. */
export function secretText(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}

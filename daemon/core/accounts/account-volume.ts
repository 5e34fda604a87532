import type { Container, Pod, PodSpec } from '../../../protocol/types.ts';

/**
 * The credentials that every pod has of its service account, unless it or the account says otherwise. They are no part of the pod's spec, which is desired state and would grow by
 * them: its node adds the volume when it starts the containers. Source of the rules: plugin/pkg/admission/serviceaccount/admission.go.
 */
export const ACCOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
export const ACCOUNT_VOLUME = 'kube-api-access';
/** Where upstream keeps the cluster's CA in every namespace; here it is there without being written down. */
export const ROOT_CA = 'kube-root-ca.crt';
/** As upstream. */
const TOKEN_SECONDS = 3607;
export const DEFAULT_ACCOUNT = 'default';

export interface Account {
  readonly uid: string;
  readonly automount: boolean | undefined;
  /** Names of Secrets for registries, of pods that name none. */
  readonly pullSecrets?: readonly string[];
}

export function accountOf({ serviceAccountName }: PodSpec): string {
  return serviceAccountName === undefined || serviceAccountName === '' ? DEFAULT_ACCOUNT : serviceAccountName;
}

/** The pod as its containers are started. @param account undefined: there is none of that name (any more, or yet) */
export function withAccountVolume(pod: Pod, account: Account | undefined): Pod {
  const { spec } = pod;
  const wanted = spec.automountServiceAccountToken ?? account?.automount ?? true;
  // A namespace that was made a moment ago has no default account yet: its pods need not wait for what they seldom use.
  if (!wanted || (account === undefined && accountOf(spec) === DEFAULT_ACCOUNT)) return pod;
  const volumes = spec.volumes ?? [];
  const name = volumes.some((volume) => volume.name === ACCOUNT_VOLUME)
    ? `${ACCOUNT_VOLUME}-${pod.metadata.uid.slice(0, 8)}`
    : ACCOUNT_VOLUME;
  const mount = { name, mountPath: ACCOUNT_PATH, readOnly: true };
  const mounted = <Each extends Pick<Container, 'volumeMounts'>>(container: Each): Each => {
    const mounts = container.volumeMounts ?? [];
    return mounts.some(({ mountPath }) => mountPath === ACCOUNT_PATH) ? container : { ...container, volumeMounts: [...mounts, mount] };
  };
  const containers = spec.containers.map(mounted);
  const before = spec.initContainers?.map(mounted);
  const all = [...containers, ...(before ?? [])];
  if (!all.some(({ volumeMounts = [] }) => volumeMounts.includes(mount))) return pod;
  const sources = [
    { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_SECONDS } },
    { configMap: { name: ROOT_CA, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ];
  return {
    ...pod,
    spec: {
      ...spec,
      containers,
      ...(before === undefined ? {} : { initContainers: before }),
      volumes: [...volumes, { name, projected: { sources } }],
    },
  };
}

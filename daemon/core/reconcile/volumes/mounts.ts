import type { Container } from '../../../../protocol/types.ts';
import type { MountRequest } from '../../../ports/volumes.ts';
import { ACCOUNT_PATH, ACCOUNT_VOLUME } from '../../accounts/account-volume.ts';
import { expand } from '../environment.ts';

const PROPAGATION = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

/** Where a container wants its volumes. @param env for `subPathExpr` */
export function mountsOf(container: Container, env: Readonly<Record<string, string>>): MountRequest[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly, subPath, subPathExpr, mountPropagation }) => ({
    container: container.name,
    volume: name,
    mountPath: mountPath.startsWith('/') ? mountPath : `/${mountPath}`,
    subPath: subPathExpr !== undefined && subPathExpr !== '' ? expand(subPathExpr, env) : (subPath ?? ''),
    readOnly: readOnly === true,
    ...(name === ACCOUNT_VOLUME && mountPath === ACCOUNT_PATH ? { optional: true as const } : {}),
    propagation: PROPAGATION[(mountPropagation ?? 'None') as keyof typeof PROPAGATION],
  }));
}

/**
 * Whose an image on the node is. What a pod's secret brought here is not for every pod of the node: who has no proof that it may have the image pulls it with its own
 * credentials, though it is there. What the node did not pull itself (preloaded, or pulled before it kept such records) is for all, as kubelet's default policy
 * NeverVerifyPreloadedImages has it. Source: pkg/kubelet/images/pullmanager, KubeletEnsureSecretPulledImages.
 */
import { createHash } from 'node:crypto';
import type { RegistryCredential } from '../../ports/runtime.ts';
import { repositoryOf } from './images.ts';

/** A Secret's credential that a registry took. */
export interface PullProof {
  uid: string;
  namespace: string;
  name: string;
  /** Of the credential. */
  hash: string;
}

/** Of one image by its id: for each repository that it was pulled from, who may use it. */
export interface PulledRecord {
  readonly repositories: Readonly<Record<string, RepositoryProofs>>;
}

export interface RepositoryProofs {
  /** It was pulled without a credential. */
  readonly everybody?: true;
  readonly proofs?: readonly PullProof[];
}

/** Proofs of one repository that are learned without a pull. Upstream's bound, so that many namespaces with equal secrets do not make it grow. */
const MAX_LEARNED = 100;

export type PullVerdict = { mayUse: true; learned?: PullProof } | { mayUse: false };

/** The proofs that a pod brings: its own credentials for the image. */
export function proofsOf(credentials: readonly RegistryCredential[]): PullProof[] {
  return credentials.flatMap(({ source, server, username, password, identityToken }) => {
    if (source === undefined) return [];
    const hash = createHash('sha256')
      .update(JSON.stringify([server, username, password, identityToken ?? '']))
      .digest('hex');
    return [{ ...source, hash }];
  });
}

/**
 * Whether a pod may use an image that is there.
 * @param wasPulling this node began to pull it, and does not know how that ended
 */
export function judgeUse(
  record: PulledRecord | undefined,
  wasPulling: boolean,
  image: string,
  credentials: readonly RegistryCredential[],
): PullVerdict {
  if (record === undefined) return { mayUse: !wasPulling };
  const known = record.repositories[repositoryOf(image)];
  if (known?.everybody === true) return { mayUse: true };
  const { proofs = [] } = known ?? {};
  for (const own of proofsOf(credentials)) {
    for (const proof of proofs) {
      const [isSameSecret, isSameCredential] = [isSame(proof, own), proof.hash === own.hash];
      const learned = isSameSecret !== isSameCredential && proofs.length < MAX_LEARNED ? { learned: own } : {};
      // A Secret that was changed since counts as long as it is the same one: its credential may have been renewed.
      if (isSameCredential || (isSameSecret && proofs.length < MAX_LEARNED)) return { mayUse: true, ...learned };
    }
  }
  return { mayUse: false };
}

/** After a pull of the image from this name. @param proof of whose credential it took; undefined: it needed none */
export function withPull(record: PulledRecord | undefined, image: string, proof: PullProof | undefined): PulledRecord {
  const repository = repositoryOf(image);
  const known = record?.repositories[repository];
  if (known?.everybody === true && record !== undefined) return record;
  const others = (known?.proofs ?? []).filter((other) => proof === undefined || !isSame(other, proof));
  const next: RepositoryProofs = proof === undefined ? { everybody: true } : { proofs: [...others, proof] };
  return { repositories: { ...record?.repositories, [repository]: next } };
}

function isSame(left: PullProof, right: PullProof): boolean {
  return left.uid === right.uid && left.namespace === right.namespace && left.name === right.name;
}

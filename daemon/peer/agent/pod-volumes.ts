import { KithError } from '../../../protocol/errors.ts';
import type { Pod } from '../../../protocol/types.ts';
import { withToken } from '../../core/leases/token.ts';
import { accountOf } from '../../core/accounts/account-volume.ts';
import { mountFailure } from '../../core/reconcile/config-holds.ts';
import type { ConfigSource } from '../../core/reconcile/config-source.ts';
import type { PodFacts } from '../../core/reconcile/environment.ts';
import type { PodCase } from '../../core/reconcile/judge.ts';
import { DEFAULT_TOKEN_SECONDS, followsOthers, resolveVolumes } from '../../core/reconcile/volumes/resolve.ts';
import type { PodCredentials } from '../../core/reconcile/volumes/resolve.ts';
import type { AccountTokens } from '../../ports/account-tokens.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { MountRequest, PodVolume, ResolvedMounts, VolumeOwner, VolumeStore } from '../../ports/volumes.ts';

import { PodTokens } from './pod-tokens.ts';

/** What a pod's volumes follow from. */
export interface VolumeSubject {
  pod: Pod;
  facts: PodFacts;
  config: ConfigSource;
}

export interface PodVolumesDeps {
  volumes: VolumeStore;
  log: Log;
  /** Fields of a pod that runs under a lease include its number. */
  gate?: { token(uid: string): number | undefined };
  clock: Clock;
  /** Without it no pod gets credentials of its account. */
  accounts?: AccountTokens;
}

/** Makes pods' volumes, and keeps files of ConfigMaps, Secrets and fields up to date while their pods run. */
export class PodVolumes {
  readonly #deps: PodVolumesDeps;
  readonly #accounts: PodTokens;
  /** By pod uid: the objects whose contents were written last. Compared by identity: an object that changes is another one. */
  readonly #written = new Map<string, readonly unknown[]>();
  readonly #writing = new Set<string>();
  /** By pod uid: what is being done with its volumes. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(deps: PodVolumesDeps) {
    this.#deps = deps;
    this.#accounts = new PodTokens({ accounts: deps.accounts, clock: deps.clock });
  }

  /** @throws KithError `VolumeFailed` */
  async prepare({ pod, facts, config }: VolumeSubject, signal: AbortSignal): Promise<void> {
    const inputs = [...inputsOf(pod, config, this.#accounts.of(pod)), this.#token(pod)];
    await this.#prepare(pod, this.#resolve({ pod, facts, config }), signal);
    this.#written.set(pod.metadata.uid, inputs);
  }

  /** Paths of the host, with what they follow from as it is now. @throws KithError `VolumeFailed` */
  async mounts(subject: VolumeSubject, wants: readonly MountRequest[], signal: AbortSignal): Promise<ResolvedMounts> {
    const volumes = this.#resolve(subject);
    // A host that was started anew has lost what was in memory.
    await this.#prepare(subject.pod, volumes, signal);
    return this.#deps.volumes.resolve(subject.pod.metadata.uid, volumes, wants);
  }

  /** Writes what has changed since. What is missing by now stays as it was. Never throws. */
  async refresh(pod: Pod, facts: PodFacts, config: ConfigSource, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    if (this.#writing.has(uid) || !followsOthers(pod)) return;
    const credentials = this.#accounts.of(pod);
    const inputs = [...inputsOf(pod, config, credentials), this.#token(pod)];
    const before = this.#written.get(uid);
    if (before?.length === inputs.length && inputs.every((input, index) => input === before[index])) return;
    this.#written.set(uid, inputs);
    const { volumes } = resolveVolumes(withToken(pod, this.#token(pod)), facts, config, credentials);
    const files = volumes.filter(({ kind }) => kind === 'files');
    this.#writing.add(uid);
    try {
      await this.#prepare(pod, files, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#written.delete(uid);
      this.#deps.log.warn('Files of a pod could not be brought up to date', { uid, error });
    } finally {
      this.#writing.delete(uid);
    }
  }

  /** Monotonic ms when {@link refresh} has something to do although nothing has changed: a token is to be renewed. */
  refreshAt(uid: string): number {
    return this.#accounts.renewAt(uid);
  }

  async remove(uid: string): Promise<void> {
    this.#written.delete(uid);
    this.#accounts.forget(uid);
    await this.#inTurn(uid, async () => this.#deps.volumes.remove(uid));
  }

  /** Of a pod that is gone, and was before it had a sandbox: no other step removes them. Never throws. */
  async discard(uid: string): Promise<void> {
    await this.remove(uid).catch((error: unknown) =>
      this.#deps.log.warn('Volumes of a pod that is gone could not be removed', { uid, error }),
    );
  }

  /** Removes what an earlier run of the daemon left of pods that are gone, or go without having run here. Never throws. */
  async sweep(cases: readonly PodCase[]): Promise<void> {
    const kept = new Set(cases.filter(({ intent, listed }) => intent.want !== 'gone' || listed !== undefined).map(({ uid }) => uid));
    try {
      for (const uid of await this.#deps.volumes.podUids()) if (!kept.has(uid)) await this.remove(uid);
    } catch (error) {
      this.#deps.log.warn('Volumes of pods that are gone could not be removed', { error });
    }
  }

  async #prepare(pod: Pod, volumes: readonly PodVolume[], signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    await this.#inTurn(uid, async () => {
      signal.throwIfAborted();
      await this.#deps.volumes.prepare(uid, volumes, ownerOf(pod), signal);
    });
  }

  /** One after the other for a pod: a step that was given up goes on for a moment, and must not make anew what is being removed. */
  async #inTurn(uid: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(uid) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(work);
    this.#turns.set(uid, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(uid) === turn) this.#turns.delete(uid);
    }
  }

  #token(pod: Pod): number | undefined {
    return this.#deps.gate?.token(pod.metadata.uid);
  }

  #resolve({ pod, facts, config }: VolumeSubject): PodVolume[] {
    const { volumes, missing } = resolveVolumes(withToken(pod, this.#token(pod)), facts, config, this.#accounts.of(pod));
    if (missing !== undefined) throw new KithError('VolumeFailed', mountFailure(missing));
    return volumes;
  }
}

function ownerOf(pod: Pod): VolumeOwner {
  return { fsGroup: pod.spec.securityContext?.fsGroup };
}

/** The objects that the contents of a pod's volumes follow from, in the order of its volumes. */
function inputsOf(pod: Pod, config: ConfigSource, credentials: PodCredentials | undefined): unknown[] {
  const inputs: unknown[] = [];
  for (const { configMap, secret, downwardAPI, projected } of pod.spec.volumes ?? []) {
    if (configMap !== undefined) inputs.push(config.configMap(configMap.name ?? ''));
    if (secret !== undefined) inputs.push(config.secret(secret.secretName ?? ''));
    if (downwardAPI !== undefined) inputs.push(pod.metadata.labels, pod.metadata.annotations);
    for (const source of projected?.sources ?? []) {
      if (source.configMap !== undefined) inputs.push(config.configMap(source.configMap.name ?? ''), credentials?.caCertificate);
      if (source.secret !== undefined) inputs.push(config.secret(source.secret.name ?? ''));
      if (source.downwardAPI !== undefined) inputs.push(pod.metadata.labels, pod.metadata.annotations);
      const { audience = '', expirationSeconds = DEFAULT_TOKEN_SECONDS } = source.serviceAccountToken ?? {};
      const name = accountOf(pod.spec);
      const account = source.serviceAccountToken === undefined ? undefined : config.account(name);
      if (account !== undefined) inputs.push(credentials?.token({ name, uid: account.uid }, audience, expirationSeconds * 1000));
    }
  }
  return inputs;
}

/**
 * Makes sandboxes and starts containers. A pod of one container needs no sandbox beside it: the container itself sits in the node's network, at the address that
 * our book has for the pod, and so does its next attempt. All others get a pause container at such an address, which their containers join.
 */
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KithError } from '../../../protocol/errors.ts';
import { rootRefusal } from '../../../protocol/values/non-root.ts';
import type { Log } from '../../ports/log.ts';
import type { ContainerStart, RuntimeSandbox, SandboxSpec } from '../../ports/runtime.ts';
import { AddressBook } from './addresses.ts';
import { change, CHANGE_TIMEOUT_MS, EngineRefusal, forceRemove } from './client.ts';
import type { EngineClient } from './client.ts';
import { containerConfig, isOwnSandbox, sandboxConfig } from './configuration.ts';
import type { Attachment, Place } from './configuration.ts';
import { importImage, inspectImage } from './images.ts';
import { findAttempt, holdersIn, isSandbox } from './listing.ts';
import type { Listing, Summary } from './listing.ts';
import { containerName, LABEL, MADE_LABEL } from './names.ts';
import type { Owner } from './names.ts';
import type { PodNetwork } from './network.ts';
import { pauseBinary } from './pause.ts';
import { tarFile, writeTar } from './tar.ts';
import type { TerminationFiles } from './termination.ts';

const PAUSE = { repository: 'kith.dev/pause', tag: '1' };
const PAUSE_IMAGE = `${PAUSE.repository}:${PAUSE.tag}`;
/** Where pods go that get no address of ours. */
const DEFAULT_NETWORK = 'bridge';
const HOST_NETWORK = 'host';
/** The engine gives back the address of what has ended a moment after it says that it has ended. */
const ADDRESS_RETRY_MS = 100;
const ADDRESS_RETRIES = 10;
/** Places that are tried for one start, when the network was removed under us or somebody else has the address. */
const PLACES = 3;

export interface StarterDeps {
  client: EngineClient;
  log: Log;
  listing: Listing;
  termination: TerminationFiles;
  network: PodNetwork;
}

export class Starter {
  readonly book = new AddressBook();
  readonly #client: EngineClient;
  readonly #log: Log;
  readonly #listing: Listing;
  readonly #termination: TerminationFiles;
  readonly #network: PodNetwork;
  readonly #owner: Owner;
  #bindsFiles = true;
  #adopted: Promise<void> | undefined;
  #isAdopted = false;

  constructor(deps: StarterDeps, owner: Owner) {
    this.#client = deps.client;
    this.#log = deps.log;
    this.#listing = deps.listing;
    this.#termination = deps.termination;
    this.#network = deps.network;
    this.#owner = owner;
  }

  /** Whether it is known that this node has no pod. */
  get isIdle(): boolean {
    return this.#isAdopted && this.book.isEmpty;
  }

  /** Before the first address is given, those that the engine's labels tell of are entered in the book. */
  async adopt(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#adopted ??= this.#listing.summaries(undefined).then((summaries) => {
      for (const holder of holdersIn(summaries)) this.book.adopt(holder);
      this.#isAdopted = true;
    });
    const asked = this.#adopted;
    try {
      await asked;
    } catch (error) {
      if (this.#adopted === asked) this.#adopted = undefined;
      throw error;
    }
  }

  async createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox> {
    await this.adopt(signal);
    if (pod.spec.hostNetwork === true) {
      // Its name server may be the node's, which answers at the bridge.
      if (pod.dns?.fromNode === true) await this.#network.ensure(signal);
      return this.#createPause(pod, { network: HOST_NETWORK }, signal);
    }
    const known = this.book.of(pod.uid);
    const paused = known?.paused === true || !isOwnSandbox(pod);
    const network = known?.paused === true && known.address === '' ? undefined : await this.#network.ensure(signal);
    const address = network === undefined ? undefined : this.book.take(pod, paused, network.subnet);
    if (network === undefined || address === undefined) return this.#createPause(pod, { network: DEFAULT_NETWORK }, signal);
    if (!paused) return { ip: address, running: true };
    await this.#network.beforeStart(pod.uid, address, signal);
    return this.#createPause(pod, { network: network.name, address }, signal);
  }

  async #createPause(pod: SandboxSpec, attachment: Attachment, signal?: AbortSignal): Promise<RuntimeSandbox> {
    const { uid, namespace, name } = pod;
    const known = (await this.#listing.summaries(uid, signal)).find(isSandbox);
    const holder = { uid, namespace, name, address: known?.Labels[LABEL.address] ?? attachment.address ?? '', paused: true };
    this.book.adopt(holder);
    let id = known?.Id;
    try {
      if (id === undefined) {
        await this.#ensurePauseImage(signal);
        id = (await this.#create(sandboxConfig(this.#owner, pod, PAUSE_IMAGE, attachment), signal)).id;
      }
      this.book.adopt({ ...holder, made: true });
      await this.#startAt(id, signal);
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      // A sandbox that never ran holds nothing; kept, it would also keep the configuration that failed.
      if (id !== undefined) await this.#remove(id, signal);
      this.book.release(uid);
      if (isNetworkGone(error)) this.#network.recheck();
      throw error;
    }
    const inspection = await this.#listing.inspect(id, signal);
    return { ip: this.#listing.addressOf(inspection), running: inspection?.State.Running === true };
  }

  /** @throws EngineRefusal of the create; KithError `NotFound`, `ContainerStartFailed` */
  async startContainer(spec: ContainerStart, what: string, signal?: AbortSignal): Promise<void> {
    await this.adopt(signal);
    await this.#refuseRoot(spec, signal);
    const isAdded = (spec.pod.spec.ephemeralContainers ?? []).some(({ name }) => name === spec.container);
    const isAlone = this.book.of(spec.pod.uid)?.paused === false;
    if (isAlone && !isAdded) return this.#startAlone(spec, what, signal);
    const summaries = await this.#listing.summaries(spec.pod.uid, signal);
    const runs = (summary: Summary): boolean => summary.State === 'running';
    const sandbox = summaries.find(
      (summary) => runs(summary) && (isAlone ? (summary.Labels[LABEL.address] ?? '') !== '' : isSandbox(summary)),
    );
    if (sandbox === undefined && isAlone)
      throw new KithError('InvalidContainer', `${what} joins the only other container of its pod, which does not run`);
    if (sandbox === undefined) {
      throw new KithError('NotFound', `the sandbox of pod ${spec.pod.namespace}/${spec.pod.name} does not run; create it first`);
    }
    const known = findAttempt(summaries, spec.container, spec.attempt);
    if (known !== undefined && known.State !== 'created') return;
    const target = summaries.find((summary) => runs(summary) && summary.Labels[LABEL.container] === spec.seesProcessesOf);
    if (target === undefined && spec.seesProcessesOf !== undefined)
      throw new KithError('InvalidContainer', `${what} is to see the processes of container "${spec.seesProcessesOf}", which does not run`);
    const place = { sandboxId: sandbox.Id, networkOnly: isAlone };
    const id = known?.Id ?? (await this.#createContainer(spec, place, signal, target?.Id)).id;
    await this.#start(id, spec, what, signal);
  }

  async #refuseRoot({ security, image }: ContainerStart, signal?: AbortSignal): Promise<void> {
    if (security?.nonRootFor === undefined) return;
    const found = security.runAsUser === undefined ? await inspectImage(this.#client, image, signal) : undefined;
    const why = rootRefusal(security, found?.user ?? '');
    if (why !== undefined) throw new KithError('VerifyNonRootError', why);
  }

  /** The container holds the pod's address itself. */
  async #startAlone(spec: ContainerStart, what: string, signal?: AbortSignal): Promise<void> {
    const [only, ...others] = spec.pod.spec.containers;
    if (only?.name !== spec.container || others.length > 0) {
      throw new KithError('InvalidContainer', `${what}: its pod has one container, "${only?.name ?? ''}", and no sandbox beside it`);
    }
    const refused = new Set<string>();
    for (let place = 1; ; place += 1) {
      const network = await this.#network.ensure(signal);
      const address = network && this.book.take(spec.pod, false, network.subnet, refused);
      if (network === undefined || address === undefined) {
        this.book.release(spec.pod.uid);
        throw new KithError('NotFound', `${what}: its address is gone with the network of this node; create the sandbox again`);
      }
      await this.#network.beforeStart(spec.pod.uid, address, signal);
      try {
        const { id, existing } = await this.#createContainer(spec, { network: network.name, address }, signal);
        if (existing === undefined || existing.State === 'created') await this.#start(id, spec, what, signal);
        return;
      } catch (error) {
        const cause = error instanceof EngineRefusal ? error : (error as Error).cause;
        if (place === PLACES || !(isNetworkGone(cause) || isAddressTaken(cause))) throw error;
        this.#log.warn('The place of a pod in the network of this node is gone; it gets another', { pod: spec.pod.uid, address, error });
        if (isNetworkGone(cause)) this.#network.recheck();
        else refused.add(address);
      }
    }
  }

  /** A failed start leaves nothing. */
  async #start(id: string, spec: ContainerStart, what: string, signal?: AbortSignal): Promise<void> {
    await spec.fence?.mark({ controlGroup: id });
    try {
      await this.#startAt(id, signal);
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      await this.#remove(id, signal);
      await this.#termination.remove(spec.pod.uid, spec.container, spec.attempt);
      throw new KithError('ContainerStartFailed', `cannot start ${what}: ${error.message}`, {}, { cause: error });
    }
  }

  async #startAt(id: string, signal?: AbortSignal): Promise<void> {
    for (let retry = 1; ; retry += 1) {
      try {
        return await change(this.#client, 'POST', `/containers/${id}/start`, signal);
      } catch (error) {
        if (!isAddressTaken(error) || retry > ADDRESS_RETRIES) throw error;
        await delay(ADDRESS_RETRY_MS, undefined, { signal });
      }
    }
  }

  async #createContainer(
    spec: ContainerStart,
    place: Place,
    signal?: AbortSignal,
    targetId?: string,
  ): Promise<{ id: string; existing?: Summary }> {
    const optional = spec.mounts.filter((mount) => mount.optional === true).map(({ hostPath }) => hostPath);
    const file = this.#bindsFiles ? await this.#termination.prepare(spec.pod.uid, spec.container, spec.attempt) : undefined;
    try {
      const start = this.#bindsFiles ? spec : withoutOptional(spec);
      return await this.#create(containerConfig(this.#owner, start, place, file, targetId), signal);
    } catch (error) {
      const ours = file === undefined ? [] : [file, ...optional];
      const isOurs = error instanceof EngineRefusal && ours.some((path) => error.message.includes(path));
      const cannotBind = isOurs && /bind source path does not exist|mount source/i.test(error.message);
      if (!cannotBind) throw error;
      this.#bindsFiles = false;
      this.#log.warn(
        'The engine does not see files of this host; termination messages stay empty, and containers get no credentials of their accounts',
        { said: error.message },
      );
      return this.#create(containerConfig(this.#owner, withoutOptional(spec), place, undefined, targetId), signal);
    }
  }

  /** @returns the one that exists already where there is one: its name is of this attempt only. */
  async #create(config: object, signal?: AbortSignal): Promise<{ id: string; existing?: Summary }> {
    const labels = (config as { Labels: Record<string, string> }).Labels;
    const call = { method: 'POST', path: '/containers/create', query: { name: containerName(labels) }, body: config } as const;
    try {
      return { id: (await this.#client.call<{ Id: string }>({ ...call, timeoutMs: CHANGE_TIMEOUT_MS, signal })).Id };
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.status !== 409) throw error;
      const summaries = await this.#listing.summaries(labels[LABEL.podUid], signal);
      const existing = findAttempt(summaries, labels[LABEL.container] ?? '', Number(labels[LABEL.attempt]));
      if (existing === undefined) throw error;
      return { id: existing.Id, existing };
    }
  }

  async #remove(id: string, signal?: AbortSignal): Promise<void> {
    this.#listing.forget(id);
    await forceRemove(this.#client, id, signal);
  }

  async #ensurePauseImage(signal?: AbortSignal): Promise<void> {
    if ((await inspectImage(this.#client, PAUSE_IMAGE, signal)) !== undefined) return;
    const { architecture } = await this.#client.version(signal);
    if (architecture !== 'amd64' && architecture !== 'arm64') {
      throw new KithError('InvalidContainer', `Kith has no pause program for ${architecture}, only for amd64 and arm64`);
    }
    const archive = Readable.from(writeTar([tarFile('pause', pauseBinary(architecture), 0o755)]));
    await importImage(this.#client, { ...PAUSE, changes: [MADE_LABEL, 'ENTRYPOINT ["/pause"]'] }, archive, signal);
  }
}

function withoutOptional(spec: ContainerStart): ContainerStart {
  return { ...spec, mounts: spec.mounts.filter(({ optional }) => optional !== true) };
}

/** The words differ between versions of the engine. */
function isNetworkGone(error: unknown): boolean {
  return error instanceof EngineRefusal && /network \S+ not found|no such network|could not find a network|subnet/i.test(error.message);
}

function isAddressTaken(error: unknown): boolean {
  return error instanceof EngineRefusal && /address already in use/i.test(error.message) && !/bind|listen/i.test(error.message);
}

import type { ContainerRuntime } from '../../daemon/ports/runtime.ts';

/** What an adapter's test brings: the place where containers run, which outlives the runtime objects. */
export interface RuntimeWorld {
  /** Another runtime object over the same place, started: what a restarted daemon has. */
  open(): Promise<ContainerRuntime>;
  /** An image that is present and holds `sh`, `sleep` and `cat`. */
  image: string;
  /** A folder of the host that containers can be given parts of. */
  folder: string;
  /** Whether it can be given open files of this process. */
  seesProcesses: boolean;
  /** The runtime of another node over the same place, started. */
  openNeighbour(): Promise<ContainerRuntime>;
  /** Kills what runs containers and starts it again; containers may or may not live through it. Undefined where containers need nothing that could die. */
  crashEngine?(): Promise<void>;
  /** What is left of a pod on the host, as the adapter's own means find it: containers, processes, files. */
  leftovers(podUid: string): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * The process beside the daemon that kills what runs under a lease when that is over, whatever becomes of the daemon. Adapters: a process of its own (guard); in
 * memory in tests. Times are of the clock that counts suspend, ms.
 */
export interface Guard {
  /** What a guard that runs already holds; none is started. */
  start(signal?: AbortSignal): Promise<readonly GuardedPod[]>;
  /** Lets go of it. It goes on by itself. */
  stop(): void;
  /** From now on, or until a later deadline: what bears the pod's marks is killed at `deadline`. Starts the guard if need be. @throws KithError `GuardUnavailable` */
  arm(pod: Omit<GuardedPod, 'expired'>): Promise<void>;
  /** How to know the processes of an armed pod. Told before the first of them does anything. @throws KithError `GuardUnavailable` */
  mark(uid: string, marks: ProcessMarks): Promise<void>;
  /** How many processes of the pod the guard sees, and how many of those it may kill. @throws KithError `GuardUnavailable` */
  look(uid: string): Promise<{ seen: number; killable: number }>;
  /** Kills what is left of the pod, and forgets it once nothing is. @throws KithError `GuardUnavailable` */
  clear(uid: string): Promise<void>;
  /** Forgets the pod, whose processes go on. @throws KithError `GuardUnavailable` */
  forget(uid: string): Promise<void>;
  /** Pods that were killed: their lease was over, or the guard itself is gone and the daemon did it. */
  onKilled(listener: (uid: string, why: string) => void): () => void;
}

export interface GuardedPod {
  uid: string;
  resource: string;
  term: number;
  deadline: number;
  /** Its time is over, or the guard was told to end it. */
  expired: boolean;
}

/** How a process is known to be of a container, beyond doubt. */
export interface ProcessMarks {
  /** An entry of its environment begins with this. */
  environment?: string;
  /** Folder of an attempt of the process runtime: `running` there names the session of the program, `shim` the one to be spared. */
  attempt?: string;
  /** Part of the path of its control group: the engine's id of the container. */
  controlGroup?: string;
}

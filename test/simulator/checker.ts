import type { DesiredObject } from '../../protocol/objects.ts';
import type { Mutation } from '../../protocol/desired.ts';
import type { JoinRequest } from '../../protocol/joining.ts';
import type { RuntimeEvent } from '../support/simulated-runtime.ts';
import type { SimDaemon, SimHost } from './host.ts';
import type { Asked } from './users.ts';
import type { SimWorld } from './world.ts';

/** What must hold was broken. */
export class Violation extends Error {
  readonly checker: string;

  constructor(checker: string, message: string) {
    super(`${checker}: ${message}`);
    this.checker = checker;
  }
}

/** A written batch that was acknowledged to a user. */
export interface Acknowledged {
  mutations: readonly Mutation[];
  objects: readonly DesiredObject[];
  warnings: readonly string[];
}

/** Of a user's request: the status, or none. @throws Violation */
export type Answered = (status?: number) => void;

/**
 * Watches the world from outside. The name says when it must hold: `anytime…` at every moment, `eventually…` soon after the faults have ended, `finally…` once
 * everything is at rest. It sees all, and changes nothing.
 */
export interface Checker {
  readonly name: string;
  /** A daemon was composed and is about to start. What is checked inside its own calls goes through `world.guard`, since daemons catch errors. */
  onBoot?(host: SimHost, daemon: SimDaemon, world: SimWorld): void;
  /** Its daemon goes on after it stood still for so long. */
  onThaw?(host: SimHost, stoodMs: number, world: SimWorld): void;
  onContainer?(host: SimHost, event: RuntimeEvent, world: SimWorld): void;
  /** A user's write begins: it may be on disk, and others may have it, long before it is acknowledged. */
  onAsked?(mutations: readonly Mutation[]): void;
  /** A user asks the host; what it answers is for the answer. */
  onRequest?(host: SimHost, asked: Asked, world: SimWorld): Answered | undefined;
  /** A host asks the member to be let in. */
  onJoinAsked?(member: SimHost, host: SimHost, request: JoinRequest, world: SimWorld): Answered | undefined;
  onAcknowledged?(host: SimHost, write: Acknowledged, world: SimWorld): void;
  /** Twice a second. @throws Violation */
  onTick?(world: SimWorld): void;
  /** For `eventually…`: undefined when it holds, else what is still wrong. */
  missing?(world: SimWorld): string | undefined;
  /** For `eventually…`: how long it may take once the one before holds, ms. */
  readonly withinMs?: number;
  /** For `eventually…`: how long it may fail to hold at rest before it holds again, ms; default: not at all. */
  readonly waversMs?: number;
  /** For `finally…`, at rest. @throws Violation */
  atRest?(world: SimWorld): void | Promise<void>;
  /** The time of rest begins. */
  onRest?(world: SimWorld): void;
}

import type { BeatEvent, BeatPeer, BeatState } from '../../ports/beats.ts';

/** What the main thread tells the worker, and what it answers. Structured clones. */
export type ToBeatWorker =
  { type: 'peers'; peers: readonly BeatPeer[] } | { type: 'state'; state: BeatState } | { type: 'probe'; peer: string } | { type: 'stop' };

export type FromBeatWorker =
  | { type: 'started'; port: number }
  | { type: 'failed'; code: string; message: string }
  /** `at` are ms of the worker's `hrtime`, which all threads share. */
  | { type: 'events'; events: BeatEvent[] }
  | { type: 'stopped' };

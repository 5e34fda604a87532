import { memberStates, reduceDetector } from '../../daemon/core/membership/detector.ts';
import { initialDetector } from '../../daemon/core/membership/state.ts';
import type { DetectorDecision, DetectorEvent, DetectorState } from '../../daemon/core/membership/state.ts';
import { livenessSettings as settings } from '../../protocol/liveness.ts';
import type { DeathRecord } from '../../protocol/observed.ts';

/** What an observer of a silent peer signs. */
export const death = (peerId: string, incarnation = 1): DeathRecord => ({
  kind: 'death',
  peerId,
  node: `node-${peerId}`,
  incarnation,
  how: 'silent',
  lastSeen: '2026-01-01T00:00:00.000Z',
  at: '2026-01-01T00:00:01.200Z',
  membersSeen: 2,
  membersKnown: 3,
});

/** A detector that the test tells what happens, and when. */
export class Observer {
  state: DetectorState = initialDetector('self', 5, settings);
  decisions: DetectorDecision[] = [];
  constructor(...members: string[]) {
    this.at(0, { type: 'members', members: ['self', ...members].map((peer) => ({ peer, node: `node-${peer}` })) });
    for (const peer of members) this.hear(0, peer);
    this.decisions = [];
  }
  at(monotonic: number, event: DetectorEvent): this {
    const step = reduceDetector(this.state, event, { monotonic, wall: Date.UTC(2026, 0, 1) + monotonic });
    this.state = step.state;
    this.decisions.push(...step.decisions);
    return this;
  }
  hear(at: number, peer: string, incarnation = 1): this {
    return this.at(at, { type: 'heard', peer, at, incarnation });
  }
  tickUntil(from: number, to: number): this {
    for (let now = from; now <= to; now += settings.alertTickIntervalMs) this.at(now, { type: 'tick', lagMs: 0 });
    return this;
  }
  of(kind: DetectorDecision['do']): DetectorDecision[] {
    return this.decisions.filter((decision) => decision.do === kind);
  }
  believes(peer: string): string {
    return memberStates(this.state, 0).find((member) => member.peer === peer)!.state;
  }
}

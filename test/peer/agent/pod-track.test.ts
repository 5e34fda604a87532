import { expect, it } from 'vitest';
import type { PodAction } from '../../../daemon/core/reconcile/actions.ts';
import { PodTrack } from '../../../daemon/peer/agent/pod-track.ts';
import { objectKey } from '../../../protocol/objects.ts';

const GONE = { want: 'gone', graceSeconds: 0, bury: true, why: 'it was deleted' } as const;

/** Whether the action is given up when the pod is to go, while it waits for its turn or after it got it. */
function isGivenUp(action: PodAction, begun: boolean): boolean {
  const track = new PodTrack('uid', objectKey('pods', 'default', 'web'), {
    startTime: '',
    activeSince: 0,
    sandboxMade: false,
    containers: {},
  });
  const signal = track.begin(action);
  if (begun) track.begun();
  track.reconsider(GONE);
  return signal.aborted;
}

it('a pod that is to go gives up what it waits for to start, and keeps its place where it waits to be ended', () => {
  const starts: PodAction[] = [{ do: 'mountVolumes' }, { do: 'createSandbox' }, { do: 'startContainer', container: 'main', attempt: 0 }];
  const ends: PodAction[] = [{ do: 'removePod' }, { do: 'bury' }, { do: 'removeContainer', container: 'main', attempt: 0 }];
  expect(starts.map((action) => isGivenUp(action, false))).toEqual([true, true, true]);
  expect(ends.map((action) => isGivenUp(action, false))).toEqual([false, false, false]);
  expect([...starts, ...ends].some((action) => isGivenUp(action, true))).toBe(false);
});

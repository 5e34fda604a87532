import { expect, it } from 'vitest';
import { PodReports } from '../../../daemon/core/cluster/pod-reports.ts';
import type { Reported } from '../../../daemon/core/cluster/pod-reports.ts';

function said(node: string, phase: string): Reported {
  return { node, incarnation: 1, report: { kind: 'pod', uid: 'uid', namespace: 'default', name: 'web', status: { phase } } };
}

it('keeps what each node says of a pod, and knows whether any says that it has ended', () => {
  const reports = new PodReports();
  reports.set('uid', said('left', 'Running'));
  reports.set('uid', said('right', 'Succeeded'));
  const fork = new PodReports(reports);
  expect([fork.get('uid', 'left'), fork.get('uid', 'right')]).toEqual([said('left', 'Running'), said('right', 'Succeeded')]);
  expect([fork.get('uid', 'middle'), fork.get('other', 'left')]).toEqual([undefined, undefined]);
  expect([fork.hasEnded('uid'), fork.hasEnded('other')]).toEqual([true, false]);
  fork.set('uid', said('right', 'Running'));
  expect(fork.hasEnded('uid')).toBe(false);
  fork.delete('uid', 'right');
  fork.delete('uid', 'left');
  expect(fork.get('uid', 'left')).toBeUndefined();
  expect(reports.get('uid', 'right')?.report.status.phase).toBe('Succeeded');
  reports.delete('uid', 'right');
  expect(reports.hasEnded('uid')).toBe(false);
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KithError } from '../../protocol/errors.ts';
import type { EventDraft } from '../../daemon/core/decisions.ts';
import { ClusterState } from '../../daemon/core/cluster/state.ts';
import { ManifestWatch } from '../../daemon/peer/manifests.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import type { DeploymentSpec, MemberSpec } from '../../protocol/types.ts';
import { AgentClock } from '../support/agent-clock.ts';
import { MemoryDesired } from '../support/agent-world.ts';
import { silentLog } from '../support/silent-log.ts';
import { MemoryFolder } from '../support/memory-folder.ts';

const WEB = 'deployments.apps/default/web';
const POD = 'pods/default/one';

function deployment(replicas: number | undefined, image = 'app:1'): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
${replicas === undefined ? '' : `  replicas: ${replicas}\n`}  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "${image}"}]}
`;
}

function pod(name: string): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: main, image: app:1}]}\n`;
}

/** One peer with its folder; several share the desired state. */
class ManifestPeer {
  readonly folder = new MemoryFolder();
  readonly events: EventDraft[] = [];
  readonly state: ClusterState;
  readonly failures: KithError[] = [];
  watch: ManifestWatch | undefined;

  private readonly desired: MemoryDesired;
  private readonly clock: AgentClock;

  constructor(peer: string, desired: MemoryDesired, clock: AgentClock) {
    this.desired = desired;
    this.clock = clock;
    this.state = new ClusterState({ buriedLife: (key) => desired.graves.get(key) ?? 0 }, { self: { peer, node: `node-of-${peer}` } });
    desired.onChanged((changes) => this.state.applyDesired(changes, clock.monotonic()));
    this.state.setComplete(true);
  }

  async start(): Promise<void> {
    this.watch = new ManifestWatch({
      folder: this.folder,
      views: { view: () => this.state, onChanged: () => () => undefined },
      write: async (mutations) => {
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        return this.desired.write(mutations);
      },
      bindingAuthor: () => ({ membersSeen: 1, membersKnown: 1, term: 1 }),
      events: { record: (draft) => this.events.push(draft) },
      clock: this.clock,
      log: silentLog,
    });
    await this.watch.start();
    await this.clock.advance(3_500);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.watch?.stop();
  }

  row(file: string) {
    return this.watch!.files().find((row) => row.file === file);
  }
}

let clock: AgentClock;
let desired: MemoryDesired;
let a: ManifestPeer;
let b: ManifestPeer;
beforeEach(async () => {
  clock = new AgentClock();
  desired = new MemoryDesired();
  [a, b] = [new ManifestPeer('a', desired, clock), new ManifestPeer('b', desired, clock)];
  const metadata = { name: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata, spec: {} };
  await desired.write([{ type: 'create', key: 'namespaces//default', object: namespace }]);
  for (const peer of ['a', 'b']) {
    const spec = { peerId: peer, nodeName: `node-of-${peer}` } as MemberSpec;
    const object = { apiVersion: 'kith.dev/v1', kind: 'Member', metadata: { ...metadata, name: peer }, spec };
    await desired.write([{ type: 'create', key: objectKey('members.kith.dev', '', peer), object }]);
  }
});
afterEach(async () => {
  await a.stop();
  await b.stop();
});

function stored(key: string): StoredObject | undefined {
  return desired.objects.get(key)?.object;
}

function replicas(): number | undefined {
  return (stored(WEB)?.['spec'] as DeploymentSpec | undefined)?.replicas;
}

async function settle(): Promise<void> {
  await clock.advance(5_000);
}

describe('a watched folder', () => {
  it('makes what its files say, changes it, and deletes it with its file', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    expect(replicas()).toBe(2);
    expect(a.row('web.yaml')).toEqual({ file: 'web.yaml', state: 'applied', message: '', objects: [WEB] });
    a.folder.files.set('web.yaml', deployment(4));
    await settle();
    expect(replicas()).toBe(4);
    a.folder.files.delete('web.yaml');
    await settle();
    expect(stored(WEB)).toBeUndefined();
    expect(a.watch!.files()).toEqual([]);
  });

  it('keeps what others set, until the file changes it', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    const { uid, object } = desired.objects.get(WEB)!;
    const scaled = { ...object, spec: { ...(object['spec'] as DeploymentSpec), replicas: 7 } };
    await desired.write([{ type: 'update', key: WEB, uid, base: object, next: scaled }]);
    await settle();
    a.folder.files.set('web.yaml', deployment(2, 'app:2'));
    await settle();
    expect(replicas()).toBe(7);
    expect(JSON.stringify(stored(WEB))).toContain('app:2');
    await a.restart();
    expect(replicas()).toBe(7);
  });

  it('takes a file that is replaced by way of its removal for a change', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    const { uid } = desired.objects.get(WEB)!;
    const { scans } = a.folder;
    a.folder.files.delete('web.yaml');
    a.folder.hint();
    await clock.advance(700);
    expect(a.folder.scans).toBeGreaterThan(scans);
    a.folder.files.set('web.yaml', deployment(3));
    await settle();
    expect(desired.objects.get(WEB)!.uid).toBe(uid);
    expect(replicas()).toBe(3);
  });

  it('leaves files alone while they are being written', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    a.folder.settling.add('web.yaml');
    await settle();
    expect(stored(WEB)).toBeDefined();
    expect(a.row('web.yaml')?.state).toBe('waiting');
  });

  it('writes nothing while nothing changes', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    const before = desired.objects.get(WEB);
    await clock.advance(60_000);
    await a.restart();
    await clock.advance(60_000);
    expect(desired.objects.get(WEB)).toBe(before);
  });

  it('makes a declared object again that somebody deleted', async () => {
    a.folder.files.set('one.yaml', pod('one'));
    await a.start();
    const { uid } = desired.objects.get(POD)!;
    await desired.write([{ type: 'bury', key: POD, uid, at: '2026-01-01T00:00:00Z' }]);
    await settle();
    expect(desired.objects.get(POD)!.uid).not.toBe(uid);
  });

  it('knows a file that was renamed: nothing is deleted', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    const { uid } = desired.objects.get(WEB)!;
    a.folder.files.delete('web.yaml');
    a.folder.files.set('site.yaml', deployment(2));
    await settle();
    expect(desired.objects.get(WEB)!.uid).toBe(uid);
    a.folder.files.delete('site.yaml');
    await settle();
    expect(stored(WEB)).toBeUndefined();
  });

  it('deletes one of several objects with its document', async () => {
    a.folder.files.set('all.yaml', `${pod('one')}---\n${deployment(1)}`);
    await a.start();
    a.folder.files.set('all.yaml', deployment(1));
    await settle();
    expect(stored(POD)).toBeUndefined();
    expect(stored(WEB)).toBeDefined();
  });

  it('may declare a namespace together with what is in it', async () => {
    a.folder.files.set('z.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n');
    a.folder.files.set('a.yaml', pod('one').replace('{name: one}', '{name: one, namespace: team}'));
    await a.start();
    expect(stored('pods/team/one')).toBeDefined();
  });
});

describe('a bad file', () => {
  it('is told and changes nothing, and neither does what it said before go away', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    a.folder.files.set('one.yaml', pod('one'));
    await a.start();
    const before = desired.objects.get(WEB);
    a.folder.files.set(
      'web.yaml',
      `${deployment(3)}---\napiVersion: v1\nkind: Pod\nmetadata: {name: two}\nspec: {containers: [{name: m, image: a, imagee: b}]}\n`,
    );
    await settle();
    expect(desired.objects.get(WEB)).toBe(before);
    expect(stored('pods/default/two')).toBeUndefined();
    expect(a.row('web.yaml')).toMatchObject({ state: 'failed' });
    expect(a.row('web.yaml')!.message).toMatch(/web\.yaml:\d+: .*imagee/);
    expect(a.events).toHaveLength(1);
    expect(a.events[0]).toMatchObject({ reason: 'FailedManifest', type: 'Warning' });
    expect(a.row('one.yaml')?.state).toBe('applied');
    a.folder.files.set('web.yaml', deployment(5));
    await settle();
    expect(replicas()).toBe(5);
  });

  it('that became empty deletes nothing', async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    a.folder.files.set('web.yaml', '\n');
    await settle();
    expect(stored(WEB)).toBeDefined();
    expect(a.row('web.yaml')?.state).toBe('failed');
  });

  it('changes what may not be changed: it is refused by name', async () => {
    a.folder.files.set('one.yaml', pod('one'));
    await a.start();
    a.folder.files.set('one.yaml', pod('one').replace('name: main', 'name: other'));
    await settle();
    expect(a.row('one.yaml')?.state).toBe('failed');
    expect(JSON.stringify(stored(POD))).toContain('"main"');
  });

  it('says again what another file says: the first by name wins', async () => {
    a.folder.files.set('a.yaml', deployment(2));
    a.folder.files.set('b.yaml', deployment(3));
    await a.start();
    expect(replicas()).toBe(2);
    expect(a.row('b.yaml')?.message).toContain(`${WEB} is declared by a.yaml already`);
  });

  it('names a namespace that is not there', async () => {
    a.folder.files.set('one.yaml', pod('one').replace('{name: one}', '{name: one, namespace: nowhere}'));
    await a.start();
    expect(a.row('one.yaml')?.message).toContain('namespaces "nowhere" not found');
  });

  it('whose write failed is tried again', async () => {
    a.failures.push(new KithError('StoreFull', 'the disk is full'));
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    await settle();
    expect(replicas()).toBe(2);
    expect(a.row('web.yaml')?.state).toBe('applied');
  });
});

describe('nothing is deleted', () => {
  beforeEach(async () => {
    a.folder.files.set('web.yaml', deployment(2));
    await a.start();
    await a.stop();
  });

  it('by a folder that is empty when the daemon starts, and the file is named', async () => {
    a.folder.files.clear();
    await a.start();
    await settle();
    expect(stored(WEB)).toBeDefined();
    expect(a.row('web.yaml')).toMatchObject({ state: 'waiting', objects: [WEB] });
    a.folder.files.set('one.yaml', pod('one'));
    await settle();
    expect(stored(WEB)).toBeDefined();
  });

  it('by a folder that is missing, at the start or later', async () => {
    await a.start();
    a.folder.problem = '/manifests does not exist';
    await settle();
    await a.restart();
    await settle();
    expect(stored(WEB)).toBeDefined();
  });

  it('by an empty folder that was mounted over this one', async () => {
    await a.start();
    a.folder.files.clear();
    a.folder.identity = 'folder-2';
    await settle();
    expect(stored(WEB)).toBeDefined();
  });

  it('by a peer that never had the file', async () => {
    b.folder.files.set('one.yaml', pod('one'));
    await b.start();
    await settle();
    expect(stored(WEB)).toBeDefined();
  });

  it('while the view is not complete; nor is anything made', async () => {
    a.state.setComplete(false);
    a.folder.files.clear();
    a.folder.files.set('one.yaml', pod('one'));
    await a.start();
    await settle();
    expect(stored(WEB)).toBeDefined();
    expect(stored(POD)).toBeUndefined();
    expect(a.row('one.yaml')?.state).toBe('waiting');
  });

  it('but what was removed while the daemon was away, beside files that are still there, is deleted', async () => {
    a.folder.files.set('one.yaml', pod('one'));
    await a.restart();
    await a.stop();
    a.folder.files.delete('web.yaml');
    await a.start();
    await settle();
    expect(stored(WEB)).toBeUndefined();
    expect(stored(POD)).toBeDefined();
  });
});

describe('the same file on two peers', () => {
  beforeEach(async () => {
    a.folder.files.set('web.yaml', deployment(2));
    b.folder.files.set('web.yaml', deployment(2));
    await a.start();
    await b.start();
  });

  it('is one declaration: it goes when both have removed it', async () => {
    a.folder.files.delete('web.yaml');
    await settle();
    expect(stored(WEB)).toBeDefined();
    b.folder.files.delete('web.yaml');
    await settle();
    expect(stored(WEB)).toBeUndefined();
  });

  it('follows whichever is changed, and the other does not change it back', async () => {
    a.folder.files.set('web.yaml', deployment(5));
    await settle();
    await b.restart();
    await settle();
    expect(replicas()).toBe(5);
    b.folder.files.set('web.yaml', deployment(5));
    await settle();
    expect(replicas()).toBe(5);
  });

  it('goes with the last living declaration when the other peer is a member no more', async () => {
    await b.stop();
    const member = desired.objects.get('members.kith.dev//b')!;
    await desired.write([{ type: 'bury', key: member.key, uid: member.uid, at: '2026-01-01T00:00:00Z' }]);
    a.folder.files.delete('web.yaml');
    await settle();
    expect(stored(WEB)).toBeUndefined();
  });
});

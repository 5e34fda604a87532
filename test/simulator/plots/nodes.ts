import type { Draw } from '../draw.ts';
import type { DiskLoss } from '../scenario.ts';
import { deploymentOf, drawRequest, podOf, TARGETS } from '../workloads.ts';
import { allHosts, cutBetween, del, moments, patch, post, scaleTo, STANDS_MS } from './plot.ts';
import type { Pen, Plot, Timed } from './plot.ts';

function pinned(draw: Draw, name: string, node: number, cpu: string): object {
  const { metadata, spec, ...rest } = podOf(draw, name) as { metadata: object; spec: { containers: object[] } };
  const containers = spec.containers.map((container) => ({ ...container, resources: { requests: { cpu } } }));
  return { ...rest, metadata, spec: { ...spec, containers, nodeName: `node-${node}` } };
}

/** More is bound to a node than fits, by people who name it; and what ended stays ended through reboots. */
export const tight: Plot = {
  name: 'tight',
  leastPeers: 1,
  draw(pen) {
    const { draw } = pen;
    const node = pen.host();
    const acts: Timed[] = [];
    for (const [index, at] of moments(pen, draw.int(4, 8), 1_000, 5_000).entries()) {
      const body = pinned(draw, `pinned-${index}`, node, draw.pick(['300m', '400m', '600m']));
      acts.push({ at, act: post(pen.host(), TARGETS.pods, body, `create pinned-${index}`) });
    }
    acts.push({ at: 1_500, act: post(pen.host(), TARGETS.pods, podOf(draw, 'job'), 'create job') });
    acts.push({ at: 1_700, act: post(pen.host(), TARGETS.pods, podOf(draw, 'task'), 'create task') });
    for (const at of moments(pen, draw.int(1, 4), 12_000, 25_000)) {
      const host = draw.chance(0.6) ? node : pen.host();
      if (draw.chance(0.5)) acts.push({ at, act: { do: 'powerCut', host, downMs: draw.int(500, 4_000), disk: 'none' } });
      else acts.push({ at, act: draw.chance(0.5) ? { do: 'restart', host } : { do: 'containersWiped', host } });
    }
    return { acts, stormMs: 30_000, cpu: '1' };
  },
};

const NOWHERE = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'nowhere', namespace: 'default' },
  spec: { nodeSelector: { has: 'nobody' }, containers: [{ name: 'main', image: 'app:1' }] },
};

/** One host dies, nothing else happens; then another. Now and then it is the leader. */
export const quietDeath: Plot = {
  name: 'quietDeath',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [
      { at: 700, act: scaleTo(pen.host(), 'deployments', 'web', 5) },
      { at: 800, act: scaleTo(pen.host(), 'replicasets', 'set', 5) },
    ];
    // In a quiet time there is a pod that no node may run.
    acts.push({ at: 31_000, act: post(1, TARGETS.pods, NOWHERE, 'create nowhere') });
    acts.push({ at: 32_500, act: del(1, `${TARGETS.pods}/nowhere`, 'delete nowhere') });
    acts.push({ at: 33_000, act: scaleTo(pen.host(), 'replicasets', 'set', 3) });
    acts.push({ at: 33_200, act: post(pen.host(), TARGETS.deployments, deploymentOf(draw, 'api'), 'create api') });
    // Heirs are held to their turns only where the network was whole for half a minute.
    const at = 34_000;
    const host = pen.host();
    const downMs = draw.int(15_000, 25_000);
    if (draw.chance(0.6)) acts.push({ at, act: { do: 'powerCut', host, downMs, disk: 'none' } });
    else acts.push({ at, act: { do: 'crash', host, moment: 'now', downMs, disk: 'none' } });
    // Somebody speaks in the name of the dead.
    if (draw.chance(0.6)) acts.push({ at: at + draw.int(0, downMs), act: { do: 'forge', host: pen.host(), victim: host } });
    // Then another, with disks so slow that the next in rank has its turn while the word of the one before lies in its queue.
    const again = at + downMs + 20_000;
    for (const slow of allHosts(pen))
      acts.push({ at: again - 500, act: { do: 'slowDisk', host: slow, byMs: draw.int(1_000, 1_500), forMs: 14_000 } });
    acts.push({ at: again, act: { do: 'powerCut', host: pen.host(), downMs: 12_000, disk: 'none' } });
    return { acts, stormMs: again + 16_000 };
  },
};

/** Nodes are drained while workloads grow. */
export const drains: Plot = {
  name: 'drains',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    const hosts = draw.shuffled(allHosts(pen)).slice(0, draw.int(1, Math.max(1, pen.peers - 1)));
    for (const [index, node] of hosts.entries())
      acts.push({ at: STANDS_MS + index * 2_000, act: { do: 'drain', host: pen.host(), node, forMs: draw.int(15_000, 30_000) } });
    for (const at of moments(pen, draw.int(2, 6), STANDS_MS + 1_000, STANDS_MS + 15_000))
      acts.push({
        at,
        act: scaleTo(pen.host(), draw.pick(['deployments', 'replicasets'] as const), draw.pick(['web', 'set']), draw.int(1, 5)),
      });
    return { acts, stormMs: 35_000 };
  },
};

const CROWD = 12;

/** Many pods, and as many hosts as leave a majority, or less, lose their power at once. */
export const massFailure: Plot = {
  name: 'massFailure',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    const crowd = (name: string): object => {
      const made = deploymentOf(draw, name) as { spec: { template: { spec: { containers: object[] } } } };
      const containers = made.spec.template.spec.containers.map((each) => ({ ...each, resources: { requests: { cpu: '10m' } } }));
      const template = { ...made.spec.template, spec: { ...made.spec.template.spec, containers } };
      return { ...made, spec: { ...made.spec, replicas: CROWD, template } };
    };
    const names = Array.from({ length: Math.min(5, pen.peers) }, (_, index) => `crowd-${index}`);
    for (const [index, name] of names.entries())
      acts.push({ at: 700 + index * 100, act: post(pen.host(), TARGETS.deployments, crowd(name), `create ${name}`) });
    const lost = draw.shuffled(allHosts(pen)).slice(0, draw.int(Math.ceil(pen.peers / 2), pen.peers - 1));
    const at = 8_000;
    const downMs = draw.int(20_000, 40_000);
    for (const host of lost) acts.push({ at, act: { do: 'powerCut', host, downMs: downMs + draw.int(0, 3_000), disk: 'none' } });
    for (const host of allHosts(pen).filter((each) => !lost.includes(each)))
      acts.push({ at, act: { do: 'engineHangs', host, call: 'startContainer', forMs: draw.int(16_000, 22_000) } });
    return { acts, stormMs: at + downMs + 5_000 };
  },
};

/** Hosts that run are taken out of the cluster: some while they are cut off, some while others let new ones in. */
export const removals: Plot = {
  name: 'removals',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const hosts = draw.shuffled(allHosts(pen));
    const acts: Timed[] = [{ at: 700, act: scaleTo(pen.host(), 'deployments', 'web', 5) }];
    const gone = hosts.slice(0, draw.int(1, Math.max(1, pen.peers - 2)));
    const stay = hosts.filter((host) => !gone.includes(host));
    for (const [index, host] of gone.entries()) {
      const at = STANDS_MS + index * 3_000 + draw.int(0, 2_000);
      const forMs = draw.int(3_000, 20_000);
      const others = hosts.filter((other) => other !== host);
      if (draw.chance(0.5)) acts.push({ at, act: cutBetween([host], others, forMs) });
      if (draw.chance(0.4)) acts.push({ at: at + draw.int(0, 1_000), act: { do: 'join', by: draw.pick(hosts) } });
      acts.push({ at: at + draw.int(0, 1_500), act: { do: 'remove', host, by: draw.pick(stay) } });
      if (draw.chance(0.5)) acts.push({ at: at + draw.int(0, 4_000), act: drawRequest(draw, host) });
    }
    for (const at of moments(pen, draw.int(1, 5), STANDS_MS, 20_000)) acts.push({ at, act: drawRequest(draw, draw.pick(stay)) });
    return { acts, stormMs: 30_000 };
  },
};

/** The disk forgets what it said it had, and others have heard. What is written in its place before they can tell must not be taken for the same. */
function drawForgetting(pen: Pen, host: number, acts: Timed[]): void {
  const { draw } = pen;
  const disk: DiskLoss = draw.pick(['tail', 'tail', 'tail', 'damaged']);
  const at = draw.int(8_000, 20_000);
  const target = `${TARGETS.deployments}/web`;
  for (let before = 1; before <= 4; before += 1) {
    const body = { metadata: { labels: { before: `${before}` } } };
    acts.push({ at: at - before * 150, act: patch(host, target, body, 'label web') });
  }
  const others = allHosts(pen).filter((other) => other !== host);
  acts.push({ at: at - 2, act: cutBetween([host], others, draw.int(3_000, 6_000)) });
  acts.push({ at, act: { do: 'crash', host, moment: 'now', downMs: draw.int(50, 400), disk } });
  for (let after = 1; after <= 4; after += 1) {
    const body = { metadata: { labels: { after: `${after}` } } };
    acts.push({ at: at + 1_000 + after * 300, act: patch(host, target, body, 'label web') });
  }
}

/** Daemons that die while they start, again and again. */
export const crashingStarts: Plot = {
  name: 'crashingStarts',
  leastPeers: 2,
  draw(pen: Pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    const lossy = pen.host();
    for (const at of moments(pen, draw.int(2, 6), STANDS_MS, 25_000)) {
      const afterMs = Array.from({ length: draw.int(1, 4) }, () => draw.duration(1, 3_000));
      acts.push({ at, act: { do: 'crashStarting', host: pen.host(), afterMs, downMs: draw.int(50, 2_000) } });
    }
    for (const at of moments(pen, draw.int(4, 12), STANDS_MS, 28_000))
      acts.push({ at, act: drawRequest(draw, draw.chance(0.6) ? lossy : pen.host()) });
    drawForgetting(pen, lossy, acts);
    acts.push({ at: 29_000, act: del(pen.host(), `${TARGETS.pods}/solo`, 'delete solo') });
    return { acts, stormMs: 32_000 };
  },
};

/** While a host is away another dies, and heirs take its pods. The one that is back is heard by all before it is connected to any: it may hear of the death by itself, or be told. */
export const longAway: Plot = {
  name: 'longAway',
  leastPeers: 4,
  draw(pen: Pen) {
    const { draw } = pen;
    const [away = 1, dies = 2, ...others] = draw.shuffled(allHosts(pen));
    const at = STANDS_MS + draw.int(1_000, 3_000);
    const downMs = draw.int(12_000, 35_000);
    const acts: Timed[] = [
      { at: 700, act: scaleTo(draw.pick(others), 'deployments', 'web', 5) },
      { at: 800, act: scaleTo(draw.pick(others), 'replicasets', 'set', 5) },
      { at, act: { do: 'powerCut', host: away, downMs, disk: 'none' } },
    ];
    // Before it is back, or about then.
    const diesAt = at + downMs + (draw.chance(0.4) ? draw.int(-9_000, -2_000) : draw.int(-1_500, 4_000));
    acts.push({ at: diesAt, act: { do: 'powerCut', host: dies, downMs: downMs + 30_000, disk: 'none' } });
    for (const when of moments(pen, draw.int(0, 3), at + 3_000, diesAt)) acts.push({ at: when, act: drawRequest(draw, draw.pick(others)) });
    return { acts, stormMs: at + downMs + 25_000 };
  },
};

/** Hosts that stand still for a while, one after the other, and go on where they were: with what they decided before, and as who they were. */
export const thaws: Plot = {
  name: 'thaws',
  leastPeers: 2,
  draw(pen: Pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    let at = STANDS_MS;
    for (let count = draw.int(3, 8); count > 0; count -= 1) {
      const host = pen.host();
      const forMs = draw.duration(300, 15_000);
      // Asked of it in the last moment: it is decided now and carried out when it thaws.
      acts.push({ at: at - draw.int(1, 30), act: drawRequest(draw, host) });
      acts.push({ at, act: { do: 'freeze', host, what: draw.pick(['host', 'loop'] as const), forMs } });
      if (draw.chance(0.5))
        acts.push({ at: at + draw.int(0, forMs), act: { do: 'deletePods', host: pen.host(), app: draw.pick(['web', 'set']) } });
      at += forMs + draw.int(200, 5_000);
    }
    return { acts, stormMs: at + 2_000 };
  },
};

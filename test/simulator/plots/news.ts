import { deriveUid } from '../../../protocol/identity.ts';
import { objectKey } from '../../../protocol/objects.ts';
import { CLUSTER } from '../cluster.ts';
import { deploymentOf, drawRequest, podOf, replicaSetOf, TARGETS } from '../workloads.ts';
import { allHosts, cutBetween, del, moments, post, STANDS_MS } from './plot.ts';
import type { Pen, Plot, Timed } from './plot.ts';

/** Gossip is lost everywhere, some of it or all; what arrives late may arrive after its end. */
export const poorGossip: Plot = {
  name: 'poorGossip',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const stormMs = draw.int(20_000, 40_000);
    const loss = draw.pick([1, 0.9, 0.7, 0.5]);
    const acts: Timed[] = [{ at: 1_000, act: { do: 'deaf', loss, forMs: stormMs - 6_000 } }];
    for (const [index, at] of moments(pen, draw.int(6, 14), 2_000, stormMs - 5_000).entries()) {
      const [author = 1, deleter = 2, ...rest] = draw.shuffled(allHosts(pen));
      const name = `brief-${index}`;
      // The word of the author is late at all others but one.
      const ways = rest.map((host): [number, number] => [author, host]);
      if (ways.length > 0) {
        const how = `node-${author} is late at all but node-${deleter}`;
        acts.push({ at: at - 5, act: { do: 'block', ways, how, forMs: draw.int(1_000, 5_000) } });
      }
      acts.push({ at, act: post(author, TARGETS.pods, podOf(draw, name), `create ${name}`) });
      const target = `${TARGETS.pods}/${name}?gracePeriodSeconds=0`;
      acts.push({ at: at + draw.pick([40, 100, 300, 900]), act: del(deleter, target, `delete ${name}`) });
    }
    for (const at of moments(pen, draw.int(2, 8), 2_000, stormMs - 2_000)) acts.push({ at, act: drawRequest(draw, pen.host()) });
    return { acts, stormMs };
  },
};

/** Things whose owners are late: written at a peer that the others hear nothing of, with dependents at one that they hear. */
export const lateOwners: Plot = {
  name: 'lateOwners',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    for (let index = 0; index < 4; index += 1) {
      const [author = 1, friend = 2, ...rest] = draw.shuffled(allHosts(pen));
      const at = STANDS_MS + index * 9_000;
      const name = `owner-${index}`;
      const ways = rest.map((host): [number, number] => [author, host]);
      acts.push({ at, act: { do: 'block', ways, how: `node-${author} is late at all but node-${friend}`, forMs: draw.int(2_000, 6_000) } });
      acts.push({ at: at - 1, act: { do: 'deaf', loss: 1, forMs: 300 } });
      const owner = { ...replicaSetOf(draw, name), spec: { ...(replicaSetOf(draw, name) as { spec: object }).spec, replicas: 0 } };
      acts.push({ at: at + 20, act: post(author, TARGETS.replicasets, owner, `create ${name}`) });
      const uid = deriveUid(CLUSTER, objectKey('replicasets.apps', 'default', name), 1);
      const pod = podOf(draw, `kept-${index}`) as { metadata: object };
      const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid }];
      const owned = { ...pod, metadata: { ...pod.metadata, ownerReferences } };
      acts.push({ at: at + 400, act: post(friend, TARGETS.pods, owned, `create kept-${index}`) });
    }
    return { acts, stormMs: STANDS_MS + 40_000 };
  },
};

/** All disks are slow but one or two: what the leader decides is old when it is written. */
export const slowDisks: Plot = {
  name: 'slowDisks',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const stormMs = draw.int(20_000, 30_000);
    const acts: Timed[] = [];
    // The founder leads, as a rule.
    const hosts = draw.shuffled(allHosts(pen).filter((host) => host !== 1 || draw.chance(0.2)));
    const quickOnes = hosts.slice(0, draw.int(1, 2));
    const [quick = 1] = quickOnes;
    for (const host of allHosts(pen))
      if (!quickOnes.includes(host))
        acts.push({ at: 2_000, act: { do: 'slowDisk', host, byMs: draw.duration(50, 1_200), forMs: stormMs - 5_000 } });
    for (const [index, at] of moments(pen, draw.int(4, 9), 2_500, stormMs - 6_000).entries())
      acts.push({ at, act: post(quick, TARGETS.pods, podOf(draw, `late-${index}`), `create late-${index}`) });
    for (const at of moments(pen, draw.int(2, 8), 2_500, stormMs - 2_000))
      acts.push({ at, act: drawRequest(draw, draw.chance(0.5) ? quick : pen.host()) });
    return { acts, stormMs };
  },
};

/**
 * Two hosts whose disks are new, or have holes, meet each other before anybody who knows everything. What they held all others hold, too: nothing was asked for since.
 */
export const freshPair: Plot = {
  name: 'freshPair',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    pen.mayLoseDisk = false;
    const [one = 1, other = 2, ...rest] = draw.shuffled(allHosts(pen));
    const fresh = [one, other];
    const at = draw.int(8_000, 10_000);
    const forMs = draw.int(8_000, 30_000);
    const acts: Timed[] = [
      { at: 1_000, act: post(pen.host(), TARGETS.deployments, deploymentOf(draw, 'api'), 'create api') },
      { at: at + 1, act: cutBetween(fresh, rest, forMs) },
    ];
    if (draw.chance(0.5)) acts.push({ at: at + 100, act: { do: 'join', by: draw.pick(rest) } });
    // Of what is asked of the two nobody but they would know.
    for (const when of moments(pen, draw.int(1, 4), at + 3_000, at + forMs))
      acts.push({ at: when, act: drawRequest(draw, draw.pick(rest)) });
    const disk = draw.chance(0.4) ? 'damaged' : 'lost';
    for (const host of fresh) acts.push({ at, act: { do: 'powerCut', host, downMs: draw.int(1_000, 3_000), disk } });
    return { acts, stormMs: at + forMs + 5_000 };
  },
};

/** Daemons of three releases side by side, upgraded one after the other. */
export const releases: Plot = {
  name: 'releases',
  leastPeers: 2,
  draw(pen: Pen) {
    const { draw } = pen;
    const hosts = draw.shuffled(allHosts(pen));
    const others = hosts.slice(0, draw.int(1, pen.peers));
    const acts: Timed[] = [];
    const [few, many] = [hosts.slice(0, 1), hosts.slice(1)];
    const forMs = draw.int(4_000, 15_000);
    acts.push({ at: STANDS_MS, act: cutBetween(few, many, forMs) });
    for (const at of moments(pen, draw.int(4, 12), 1_000, 25_000)) acts.push({ at, act: drawRequest(draw, pen.host()) });
    const joins = draw.chance(0.5);
    if (joins) acts.push({ at: draw.int(STANDS_MS, 20_000), act: { do: 'join', by: pen.host() } });
    for (const [index, host] of others.entries())
      if (draw.chance(0.7)) acts.push({ at: STANDS_MS + forMs + index * 2_500, act: { do: 'upgrade', host } });
    const found = Object.fromEntries(others.map((host) => [host, draw.pick(['older', 'older', 'newer'] as const)]));
    // What another release finds valid.
    acts.push({ at: draw.int(STANDS_MS, 25_000), act: { do: 'poison', host: pen.host() } });
    return { acts, stormMs: 30_000, releases: found };
  },
};

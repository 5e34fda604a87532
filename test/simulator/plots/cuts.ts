import { deploymentOf, drawRequest, replicaSetOf, TARGETS } from '../workloads.ts';
import { allHosts, cutBetween, del, drawSides, farApart, moments, patch, post, scaleTo, slowDisks, STANDS_MS } from './plot.ts';
import type { Pen, Plot, Timed } from './plot.ts';

/** Long enough for a minority to doubt (10 s), take its turns and start what it claimed. */
const LONG_MS = { least: 22_000, most: 60_000 };

/** Two sides long enough apart that each replaces what it can not see, and users on both. */
export const longCut: Plot = {
  name: 'longCut',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const [few, many] = drawSides(pen);
    const forMs = draw.duration(LONG_MS.least, LONG_MS.most);
    const acts: Timed[] = [{ at: STANDS_MS, act: cutBetween(few, many, forMs) }];
    // What nobody touched must not be touched by the heal.
    const users = draw.chance(0.5) ? draw.int(1, 10) : 0;
    for (const at of moments(pen, users, STANDS_MS, STANDS_MS + forMs))
      acts.push({ at, act: drawRequest(draw, draw.pick(draw.chance(0.5) ? few : many)) });
    const network = draw.chance(0.4) ? { network: farApart(pen) } : {};
    return { acts, stormMs: STANDS_MS + forMs + draw.int(1_000, 8_000), ...network };
  },
};

/** Both sides make the same pods, and one of them more than once. */
export const bothSidesGrow: Plot = {
  name: 'bothSidesGrow',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const [few, many] = drawSides(pen);
    const forMs = draw.duration(12_000, 40_000);
    const acts: Timed[] = [
      { at: 800, act: scaleTo(pen.host(), 'replicasets', 'set', 1) },
      { at: 900, act: scaleTo(pen.host(), 'deployments', 'web', 1) },
      { at: STANDS_MS, act: cutBetween(few, many, forMs) },
    ];
    const [busy, idle] = draw.shuffled([few, many]) as [number[], number[]];
    for (const side of [few, many]) {
      const at = STANDS_MS + draw.int(500, 3_000);
      acts.push({ at, act: scaleTo(draw.pick(side), 'replicasets', 'set', draw.int(2, 5)) });
      acts.push({ at: at + 100, act: scaleTo(draw.pick(side), 'deployments', 'web', draw.int(3, 5)) });
      // Two halves of one template, which nobody may put together.
      const { spec } = deploymentOf(draw, 'web') as { spec: { template: { spec: { containers: object[] } } } };
      const { containers } = spec.template.spec;
      const half = side === few ? { containers } : { terminationGracePeriodSeconds: draw.int(6, 20) };
      const body = { spec: { template: { spec: half } } };
      acts.push({
        at: STANDS_MS + forMs - 200,
        act: patch(draw.pick(side), `${TARGETS.deployments}/web`, body, 'change the template of web'),
      });
    }
    const churn = (side: readonly number[], at: number): void => {
      acts.push({ at, act: { do: 'deletePods', host: draw.pick(side), app: 'set', graceSeconds: 0 } });
    };
    for (let time = draw.int(1, 4); time > 0; time -= 1) churn(busy, STANDS_MS + 3_500 + time * 1_500);
    if (draw.chance(0.7)) churn(idle, STANDS_MS + draw.int(4_000, 10_000));
    if (draw.chance(0.5)) acts.push(...slowDisks(pen, forMs + 8_000));
    return { acts, stormMs: STANDS_MS + forMs + draw.int(1_000, 8_000) };
  },
};

/** What one side deletes the other changes, and what both change they change otherwise. */
export const deleteAndEdit: Plot = {
  name: 'deleteAndEdit',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const [few, many] = drawSides(pen);
    const forMs = draw.duration(5_000, 30_000);
    const names = ['left', 'right', 'both', 'none'];
    const acts: Timed[] = names.map((name, index) => ({
      at: 700 + 150 * index,
      act: post(pen.host(), TARGETS.deployments, deploymentOf(draw, name), `create ${name}`),
    }));
    const from = STANDS_MS + 1_000;
    acts.push({ at: from, act: cutBetween(few, many, forMs) });
    const edit = (side: readonly number[], name: string): Timed => {
      const target = `${TARGETS.deployments}/${name}`;
      const value = `v${draw.int(1, 1_000_000)}`;
      const body = draw.pick<object>([
        { metadata: { labels: { tier: value } } },
        { metadata: { annotations: { note: value } } },
        { spec: { replicas: draw.int(0, 5), minReadySeconds: draw.int(0, 3) } },
      ]);
      return { at: draw.int(from + 500, from + forMs - 500), act: patch(draw.pick(side), target, body, `change ${name}`) };
    };
    for (const name of names) {
      const [one, other] = draw.shuffled([few, many]) as [number[], number[]];
      if (name !== 'both') {
        const at = draw.int(from + 500, from + forMs - 500);
        acts.push({ at, act: del(draw.pick(one), `${TARGETS.deployments}/${name}`, `delete ${name}`) });
      } else acts.push(edit(one, name));
      for (let count = draw.int(1, 3); count > 0; count -= 1) acts.push(edit(other, name));
    }
    // The same label, and another value on each side.
    for (const [index, side] of [few, many].entries()) {
      const body = { metadata: { labels: { side: index === 0 ? 'few' : 'many' } }, spec: { replicas: index + 1 } };
      acts.push({ at: from + 1_000 + index, act: patch(draw.pick(side), `${TARGETS.deployments}/both`, body, 'change both') });
    }
    return { acts, stormMs: from + forMs + draw.int(1_000, 8_000) };
  },
};

/** A host is away just long enough to be replaced, and back before any replacement runs. */
export const backTooSoon: Plot = {
  name: 'backTooSoon',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const hosts = draw.shuffled(allHosts(pen));
    const [away = 1, ...others] = hosts;
    const forMs = draw.int(3_500, 12_000);
    const hangsMs = forMs + draw.int(6_000, 20_000);
    const acts: Timed[] = [{ at: 700, act: scaleTo(draw.pick(others), 'replicasets', 'set', Math.min(5, pen.peers)) }];
    acts.push({ at: 750, act: scaleTo(draw.pick(others), 'deployments', 'web', Math.min(5, pen.peers)) });
    for (const host of others)
      acts.push({ at: STANDS_MS, act: { do: 'engineHangs', host, call: draw.pick(['startContainer', 'createSandbox']), forMs: hangsMs } });
    acts.push({ at: STANDS_MS + 100, act: cutBetween([away], others, forMs) });
    return { acts, stormMs: STANDS_MS + hangsMs + draw.int(1_000, 5_000) };
  },
};

/** A few hosts that run nothing are cut off, and start something there: the others hear of it in the moment in which the cut heals, by whatever comes first. */
export const lateNews: Plot = {
  name: 'lateNews',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const [few, many] = drawSides(pen);
    const from = STANDS_MS + 4_000;
    const forMs = draw.int(3_500, 12_000);
    const acts: Timed[] = [
      { at: 700, act: scaleTo(pen.host(), 'replicasets', 'set', 0) },
      { at: 800, act: scaleTo(pen.host(), 'deployments', 'web', 0) },
      { at: 900, act: del(pen.host(), `${TARGETS.pods}/solo?gracePeriodSeconds=0`, 'delete solo') },
      { at: from, act: cutBetween(few, many, forMs) },
    ];
    for (let count = draw.int(1, 3); count > 0; count -= 1) {
      const made = deploymentOf(draw, `late-${count}`) as { spec: object };
      const body = { ...made, spec: { ...made.spec, replicas: draw.int(2, 6) } };
      acts.push({ at: from + draw.int(1_500, forMs - 500), act: post(draw.pick(few), TARGETS.deployments, body, `create late-${count}`) });
    }
    return { acts, stormMs: from + forMs + draw.int(3_000, 8_000), ...(draw.chance(0.4) ? { network: farApart(pen) } : {}) };
  },
};

/** Now this half is cut off, now another: short, and again before all has settled. */
export const flapping: Plot = {
  name: 'flapping',
  leastPeers: 3,
  draw(pen: Pen) {
    const { draw } = pen;
    const acts: Timed[] = [{ at: 700, act: post(pen.host(), TARGETS.replicasets, replicaSetOf(draw, 'pair'), 'create pair') }];
    let at = STANDS_MS;
    for (let count = draw.int(3, 9); count > 0; count -= 1) {
      const [few, many] = drawSides(pen);
      const forMs = draw.duration(600, 16_000);
      acts.push({ at, act: cutBetween(few, many, forMs) });
      if (draw.chance(0.4)) acts.push({ at: at + draw.int(0, forMs), act: drawRequest(draw, pen.host()) });
      at += Math.round(forMs * (0.7 + draw.next()));
    }
    return { acts, stormMs: at + draw.int(500, 4_000), ...(draw.chance(0.5) ? { network: farApart(pen) } : {}) };
  },
};

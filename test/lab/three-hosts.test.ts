import { inLab } from './in-lab.ts';
import { atMostOneStory } from './stories/at-most-one.ts';
import { cutOffStory } from './stories/cut-off.ts';
import { daemonKilledStory } from './stories/daemon-killed.ts';
import { engineStoppedStory } from './stories/engine-stopped.ts';
import { kubectlStory } from './stories/kubectl.ts';
import { reconcileStory } from './stories/reconcile.ts';
import { removedStory } from './stories/removed.ts';
import { splitStory } from './stories/split.ts';
import { tutorialStory } from './stories/tutorial.ts';

// The last one leaves two hosts.
const stories = [
  tutorialStory,
  kubectlStory,
  cutOffStory,
  daemonKilledStory,
  engineStoppedStory,
  splitStory,
  reconcileStory,
  atMostOneStory,
  removedStory,
];
inLab('three hosts', 3, stories, { expectedErrors: /this host was removed from the cluster/ });
